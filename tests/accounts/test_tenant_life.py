"""A tenant begins, stops, goes on."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.database import managing
from accounts.models import Membership, Tenant, User
from accounts.resolve import active_memberships
from accounts.roles import Role
from accounts.tenant_life import create_tenant, resume_tenant, suspend_tenant
from compliance.models import AuditEntry
from tests.factories import a_member, a_tenant

pytestmark = pytest.mark.django_db


def test_a_tenant_begins_with_an_owner_who_may_administer_it():
    owner = create_tenant("new-one", "New One", "first@new.example", owner_name="First")

    assert (owner.role, owner.user.email, owner.user.is_staff) == (Role.OWNER, "first@new.example", True)
    with managing(owner.tenant_id):
        assert AuditEntry.objects.filter(event="tenant.opened").count() == 1


@pytest.mark.parametrize(
    ("slug", "name", "owner", "said"),
    [
        ("../etc", "x", "a@b.example", "is no slug"),
        ("a b", "x", "a@b.example", "is no slug"),
        ("", "x", "a@b.example", "is no slug"),
        ("fine", "  ", "a@b.example", "needs a name"),
        ("fine", "x", "not an address", "no email address"),
        ("TAKEN", "x", "a@b.example", "already"),
    ],
)
def test_nothing_is_made_of_a_wrong_wish(slug, name, owner, said):
    a_tenant("taken")
    with pytest.raises(ValidationError, match=said):
        create_tenant(slug, name, owner)
    assert Tenant.objects.count() == 1
    assert not User.objects.exists()


def test_a_closed_account_does_not_become_an_owner_and_no_tenant_is_left():
    User.objects.create_user("closed@new.example", is_active=False)
    with pytest.raises(ValidationError, match="cannot be a member"):
        create_tenant("new-one", "New One", "closed@new.example")
    assert not Tenant.objects.exists()


def test_in_a_suspended_tenant_a_member_is_answered_like_somebody_without_one():
    tenant = a_tenant()
    member = a_member(tenant, role=Role.OWNER)
    stranger = User.objects.create_user("nobody@nowhere.example", is_staff=True)
    User.objects.filter(pk=member.user_id).update(is_staff=True, email="somebody@nowhere.example")
    suspend_tenant(tenant)
    assert active_memberships(member.user) == []
    answers = []
    for user in (member.user, stranger):
        client = Client()
        client.force_login(User.objects.get(pk=user.pk), "django.contrib.auth.backends.ModelBackend")
        paths = ("/", "/documents/", "/keys/", "/admin/", "/admin/accounts/membership/", "/api/v1/documents")
        answers.append(
            [(r := client.get(path)).status_code for path in paths] + [r.headers.get("Location", "")]
        )
    assert answers[0] == answers[1]
    assert 200 not in answers[0]


def test_suspending_and_resuming_is_on_record_once_each():
    tenant = a_tenant()
    member = a_member(tenant)
    assert (suspend_tenant(tenant), suspend_tenant(tenant)) == (True, False)
    assert (resume_tenant(tenant), resume_tenant(tenant)) == (True, False)

    assert [m.pk for m in active_memberships(member.user)] == [member.pk]
    assert Membership.objects.get(pk=member.pk).is_active
    with managing(tenant.pk):
        events = AuditEntry.objects.filter(event__startswith="tenant.").order_by("sequence")
        told = [event for event in events.values_list("event", flat=True) if event != "tenant.updated"]
    assert told[-2:] == ["tenant.suspended", "tenant.resumed"]
