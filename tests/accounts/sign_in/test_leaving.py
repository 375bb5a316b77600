"""Leaving an organisation by oneself, from the account page."""

from uuid import uuid4

import pytest
from django.test import Client

from accounts.database import managing
from accounts.models import ApiKey, Membership
from accounts.resolve import active_memberships
from accounts.roles import Role
from compliance.models import AuditEntry
from tests.factories import a_member, a_tenant

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


def browser_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user, backend=BACKEND)
    return client


def leave(member: Membership, tenant: object):
    return browser_of(member).post("/account/leave/", {"tenant": str(tenant)})


def test_who_leaves_is_in_no_more_and_her_keys_end():
    tenant = a_tenant()
    member = a_member(tenant)
    _, secret = ApiKey.objects.issue(member, "mine")

    assert leave(member, tenant.pk).status_code == 302
    assert active_memberships(member.user) == []
    assert ApiKey.objects.find(secret) is None


def test_the_last_owner_cannot_leave_and_is_told_why():
    tenant = a_tenant()
    owner = a_member(tenant, role=Role.OWNER)
    client = browser_of(owner)
    response = client.post("/account/leave/", {"tenant": str(tenant.pk)}, follow=True)

    assert "at least one owner" in response.content.decode()
    assert [place.tenant_id for place in active_memberships(owner.user)] == [tenant.pk]


def test_an_owner_leaves_when_there_is_another():
    tenant = a_tenant()
    a_member(tenant, role=Role.OWNER)
    owner = a_member(tenant, role=Role.OWNER)

    assert leave(owner, tenant.pk).status_code == 302
    assert active_memberships(owner.user) == []


@pytest.mark.parametrize("named", ["foreign", "absent", "nothing"])
def test_only_the_organisation_one_acts_in_is_left(named):
    tenant = a_tenant()
    member = a_member(tenant)
    other = {"foreign": a_tenant().pk, "absent": uuid4(), "nothing": ""}[named]

    assert leave(member, other).status_code == 404
    assert [place.tenant_id for place in active_memberships(member.user)] == [tenant.pk]


def test_leaving_is_on_record():
    tenant = a_tenant()
    member = a_member(tenant)
    leave(member, tenant.pk)

    with managing(tenant.pk):
        events = set(AuditEntry.objects.filter(tenant_id=tenant.pk).values_list("event", flat=True))
    assert "membership.updated" in events or "membership.deleted" in events
