"""Granting and revoking: one way in, nothing outlives view, nobody from elsewhere."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.database import managing
from accounts.models import Membership
from compliance.models import AuditEntry
from retrieval.access.grants import grant, grants_on, refusals_on_record, revoke
from retrieval.access.values import Ends, Grantee, Permission, Target
from retrieval.errors import GrantRefused
from retrieval.models import Collection, Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, readers_of

pytestmark = pytest.mark.django_db
VIEW, CHANGE, SHARE, DELETE = Permission
SOON = timezone.now() + timedelta(days=1)
LATE = timezone.now() + timedelta(days=9)


def person(membership: Membership) -> Grantee:
    return Grantee(kind="user", id=membership.user_id)


def held(target: Target, grantee: Grantee) -> Ends:
    return {g.permission: g.expires_at for g in grants_on(target) if g.grantee == grantee}


@pytest.mark.parametrize("kind", [Collection, Document])
def test_a_grant_opens_a_document_and_its_revocation_closes_it(kind):
    tenant = a_tenant()
    shelf = a_collection(tenant)
    document = a_document(shelf, "words")
    member = a_member(tenant)
    target = shelf if kind is Collection else document

    grant(target, person(member), VIEW)
    assert readers_of(document) == [member.user_id]
    assert revoke(target, person(member), VIEW)
    assert readers_of(document) == []
    assert not revoke(target, person(member), VIEW)


@pytest.mark.parametrize("permission", [CHANGE, SHARE, DELETE])
def test_every_other_permission_takes_view_along_and_goes_with_it(permission):
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)

    grant(shelf, person(member), permission, SOON)
    assert held(shelf, person(member)) == {permission: SOON, VIEW: SOON}
    revoke(shelf, person(member), VIEW)
    assert held(shelf, person(member)) == {}


def test_revoking_change_leaves_view():
    tenant = a_tenant()
    shelf, group = a_collection(tenant), a_group(tenant)
    grantee = Grantee(kind="group", id=group.pk)
    grant(shelf, grantee, CHANGE)

    revoke(shelf, grantee, CHANGE)
    assert held(shelf, grantee) == {VIEW: None}


def test_nothing_outlives_view():
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)
    grant(shelf, person(member), VIEW, SOON)
    grant(shelf, person(member), CHANGE, LATE)
    assert held(shelf, person(member)) == {VIEW: LATE, CHANGE: LATE}

    grant(shelf, person(member), VIEW, SOON)
    assert held(shelf, person(member)) == {VIEW: SOON, CHANGE: SOON}


def test_granting_again_gives_the_new_end_in_a_new_row():
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)
    grant(shelf, person(member), VIEW, SOON)
    (before,) = grants_on(shelf)
    grant(shelf, person(member), VIEW)
    (after,) = grants_on(shelf)

    assert (before.expires_at, after.expires_at) == (SOON, None)
    assert after.id > before.id
    grant(shelf, person(member), VIEW)
    assert grants_on(shelf) == [after]


@pytest.mark.parametrize("kind", ["user", "group"])
@pytest.mark.parametrize("foreign", [True, False])
def test_a_foreign_grantee_looks_like_an_absent_one_and_nothing_is_written(kind, foreign):
    tenant, elsewhere = a_tenant(), a_tenant()
    shelf = a_collection(tenant)
    stranger = a_member(elsewhere).user_id if kind == "user" else a_group(elsewhere).pk
    grantee = Grantee(kind=kind, id=stranger if foreign else 2**60)

    with pytest.raises(GrantRefused) as refused, refusals_on_record(tenant.pk, 7, str(shelf.pk)):
        grant(shelf, grantee, CHANGE)

    assert str(refused.value) == "Access is granted to people and groups of this organisation only."
    assert grants_on(shelf) == []
    with managing(tenant.pk):
        entry = AuditEntry.objects.get(event="grant.refused")
        assert not AuditEntry.objects.filter(event="grant.created").exists()
    assert (entry.actor_id, entry.object_pk, entry.outcome) == (7, str(shelf.pk), "refused")


def test_a_grant_ends_in_the_future():
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)

    with pytest.raises(GrantRefused, match="ends in the future"):
        grant(shelf, person(member), VIEW, timezone.now())
    assert grants_on(shelf) == []


def test_every_row_written_and_deleted_is_audited():
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)
    grant(shelf, person(member), CHANGE)
    revoke(shelf, person(member), VIEW)

    with managing(tenant.pk):
        events = AuditEntry.objects.filter(event__startswith="grant.").values_list("event", flat=True)
        assert sorted(events) == ["grant.created"] * 2 + ["grant.deleted"] * 2


def test_grants_are_listed_with_names_people_first():
    tenant = a_tenant()
    shelf, member, group = a_collection(tenant), a_member(tenant), a_group(tenant, "Sales")
    grant(shelf, Grantee(kind="group", id=group.pk), VIEW)
    grant(shelf, person(member), VIEW, SOON)

    assert [(g.grantee.name, g.number.split("-")[0]) for g in grants_on(shelf)] == [
        (member.user.email, "user"),
        ("Sales", "group"),
    ]
