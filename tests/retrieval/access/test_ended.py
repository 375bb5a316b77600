"""Grants whose time is over, and rows that have drifted, with real commits and a clock that goes on."""

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from accounts.database import managing
from compliance.models import AuditEntry
from ragsite.env import secrets
from retrieval.access.explain import explain
from retrieval.access.grants import grant, grants_on, remove_ended
from retrieval.access.rights import held_on
from retrieval.access.values import Permission
from retrieval.models import Collection, Document
from retrieval.tasks import remove_ended_grants
from tests.factories import a_collection, a_document, a_member, a_tenant
from tests.retrieval.access.builders import acting, grant_that_ended, to

VIEW, CHANGE = Permission.VIEW, Permission.CHANGE


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("kind", [Collection, Document])
def test_an_ended_grant_gives_nothing_says_when_it_ended_and_is_swept_without_changing_anything(kind):
    tenant = a_tenant()
    shelf, member, stays = a_collection(tenant), a_member(tenant), a_member(tenant)
    document = a_document(shelf, "words")
    target = shelf if kind is Collection else document
    grant(target, to(stays), VIEW)
    grant_that_ended(target, to(member), CHANGE)

    with managing(tenant.pk):
        assert held_on(acting(member), target) == {}
    before = explain(tenant.pk, member, document)
    assert (before.readable, before.decided_by.rule) == (False, "grant_ended")
    assert before.decided_by.sentence.startswith("The grant ended on ")

    assert remove_ended_grants() == 2
    after = explain(tenant.pk, member, document)
    assert (after.readable, after.decided_by.rule) == (False, "no_grant")
    assert explain(tenant.pk, stays, document).readable
    assert [g.grantee for g in grants_on(target)] == [to(stays)]
    with managing(tenant.pk):
        assert AuditEntry.objects.filter(event="grant.deleted").count() == 2
    assert remove_ended(tenant.pk) == 0


@pytest.mark.usefixtures("committed")
def test_granting_after_the_end_begins_anew():
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)
    document = a_document(shelf, "words")
    grant_that_ended(shelf, to(member), CHANGE)
    grant(shelf, to(member), VIEW)

    assert [(g.permission, g.expires_at) for g in grants_on(shelf)] == [(VIEW, None)]
    assert explain(tenant.pk, member, document).readable


@pytest.mark.usefixtures("committed")
def test_where_the_index_and_the_grants_differ_it_is_withheld_and_said():
    tenant = a_tenant()
    member = a_member(tenant)
    document = a_document(a_collection(tenant), "words")
    owner = settings.DATABASES["owner"]
    with psycopg.connect(
        host=owner["HOST"], port=owner["PORT"] or None, user="postgres", password=secrets()["postgres_password"],
        dbname=str(connection.settings_dict["NAME"]), autocommit=True,
    ) as superuser:  # fmt: skip
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update retrieval_document set principals = %s", [[member.user_id]])
    explained = explain(tenant.pk, member, document)

    assert not explained.readable
    assert {check.rule for check in explained.checks if not check.passed} == {"no_grant", "rights_disagree"}
