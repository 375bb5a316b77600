"""What services and the database refuse is an error of the form, on record, and nothing is changed."""

from itertools import pairwise

import pytest

from accounts.database import managing
from accounts.models import ApiKey, BreakGlass, Group, GroupNesting, Membership, TenantRole, User
from accounts.models.groups import GROUP_DEPTH_MAX
from accounts.roles import Right, Role
from compliance.models import AuditEntry
from tests.admin.world import browser, url
from tests.factories import a_group, a_member, a_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return a_tenant()


def refusals(tenant) -> list[str]:
    with managing(tenant.pk):
        entries = AuditEntry.objects.filter(event="change.refused").order_by("sequence")
        return list(entries.values_list("outcome", flat=True))


def nest(client, outer: Group, *inner: Group):
    sent = {
        "label": outer.label,
        "inner_nestings-TOTAL_FORMS": str(len(inner)),
        "inner_nestings-INITIAL_FORMS": "0",
    }
    for number, group in enumerate(inner):
        sent |= {
            f"inner_nestings-{number}-inner": str(group.pk),
            f"inner_nestings-{number}-outer": str(outer.pk),
        }
    return client.post(url(outer), sent)


def test_groups_nest_from_the_admin_and_circles_are_an_error_of_the_form(tenant):
    client = browser(tenant)
    outer, inner = a_group(tenant), a_group(tenant)
    assert nest(client, outer, inner).status_code == 302
    response = nest(client, inner, outer)

    assert response.status_code == 200
    assert "groups cannot form a circle" in response.content.decode()
    assert GroupNesting.objects.count() == 1
    assert refusals(tenant) == ["group_nesting"]


def test_a_group_inside_itself_and_nesting_too_deep_are_refused(tenant):
    client = browser(tenant)
    groups = [a_group(tenant) for _ in range(GROUP_DEPTH_MAX + 1)]
    assert nest(client, groups[0], groups[0]).status_code == 200
    for outer, inner in pairwise(groups[:-1]):
        assert nest(client, outer, inner).status_code == 302
    response = nest(client, groups[-2], groups[-1])

    assert "at most five deep" in response.content.decode()
    assert GroupNesting.objects.count() == GROUP_DEPTH_MAX - 1


def test_a_foreign_group_and_everybodys_are_no_choice_to_nest(tenant):
    client = browser(tenant)
    group = a_group(tenant)
    everybody = Group.objects.get(tenant=tenant, builtin=True)
    for other in (a_group(a_tenant()), everybody):
        response = nest(client, group, other)
        assert response.status_code == 200
        assert "not one of the available choices" in response.content.decode()
    assert not GroupNesting.objects.exists()


def test_a_second_group_of_a_name_is_an_error_of_the_form(tenant):
    a_group(tenant, "Sales")
    response = browser(tenant).post(url(Group, "add"), {"label": "Sales"})

    assert response.status_code == 200
    assert "already" in response.content.decode()
    assert a_group(a_tenant(), "Sales").label == "Sales", "another tenant's names are its own"


def test_an_administrator_is_offered_no_role_beyond_her_own_and_a_forged_one_is_refused(tenant):
    client, member = browser(tenant, Role.ADMINISTRATOR), a_member(tenant)
    form = client.get(url(member)).context["adminform"].form
    assert {value for value, _ in form.fields["role"].choices} == {"administrator", "editor", "member"}
    for role in ("owner", "auditor", "compliance_officer", "break_glass"):
        response = client.post(url(member), {"role": role, "ceiling": "1", "is_active": "on"})
        assert "role" in response.context["adminform"].form.errors
    member.refresh_from_db()
    assert member.role == "member"


def test_the_last_owner_cannot_be_removed_from_a_list(tenant):
    """Two owners take each other out of the list: one of them stays."""
    client, other = browser(tenant), a_member(tenant, role=Role.OWNER)
    own = client.membership
    Membership.objects.filter(pk=own.pk).update(own_role=all_rights(tenant))
    sent = {"action": "delete_selected", "_selected_action": [str(other.pk)], "post": "yes"}
    response = client.post(url(Membership, "changelist"), sent, follow=True)

    assert "at least one owner" in response.content.decode()
    assert Membership.objects.filter(pk=other.pk).exists()
    assert refusals(tenant) == ["last_owner"]


def all_rights(tenant) -> TenantRole:
    with managing(tenant.pk):
        return TenantRole.objects.create(tenant=tenant, name="everything", rights=list(Right))


def test_demoting_the_last_owner_is_an_error_of_the_form(tenant):
    client, other = browser(tenant), a_member(tenant, role=Role.OWNER)
    Membership.objects.filter(pk=client.membership.pk).update(own_role=all_rights(tenant))
    response = client.post(url(other), {"role": "member", "ceiling": "1", "is_active": "on"})

    assert response.status_code == 200
    assert "at least one owner" in response.content.decode()
    assert Membership.objects.get(pk=other.pk).role == "owner"


def test_a_role_in_use_is_not_deleted(tenant):
    client, member = browser(tenant), a_member(tenant)
    role = all_rights(tenant)
    Membership.objects.filter(pk=member.pk).update(own_role=role)
    for sent in ({"post": "yes"}, {}):
        assert "membership in use" in client.post(url(role, "delete"), sent).content.decode()
    assert TenantRole.objects.filter(pk=role.pk).exists()


def test_a_role_with_a_right_beyond_ones_own_is_refused(tenant):
    client = browser(tenant, Role.ADMINISTRATOR)
    response = client.post(url(TenantRole, "add"), {"name": "reader", "rights": ["ask", "read_audit"]})
    assert "rights" in response.context["adminform"].form.errors
    role = all_rights(tenant)
    response = client.post(url(role), {"name": "less", "rights": ["ask"]})

    assert "rights that you have yourself" in response.content.decode()
    assert TenantRole.objects.get(pk=role.pk).name == "everything"


def test_a_service_account_is_made_by_name_and_gets_a_key(tenant):
    client = browser(tenant)
    made = client.post(
        url(Membership, "add"),
        {"service": "on", "name": "robot", "role": "member", "ceiling": "1", "email": ""},
    )
    robot = Membership.objects.get(tenant=tenant, user__is_service=True)
    assert made.status_code == 302
    assert "service account" in client.get(url(Membership, "changelist")).content.decode()
    response = client.post(
        url(ApiKey, "add"),
        {"membership": robot.pk, "label": "job", "scopes": ["ask"], "addresses": "10.0.0.0/8"},
    )
    ((key, secret),) = response.context["secrets"]
    assert ApiKey.objects.find(secret, "10.1.2.3") == key


def test_a_person_needs_an_address_and_a_service_a_name(tenant):
    client = browser(tenant)
    for sent, field in (({"name": "x"}, "email"), ({"service": "on"}, "name")):
        response = client.post(url(Membership, "add"), {"role": "member", "ceiling": "1"} | sent)
        assert field in response.context["adminform"].form.errors


@pytest.mark.parametrize("action", ["revoke", "rotate"])
def test_keys_are_revoked_and_rotated_from_the_list(tenant, action):
    client, member = browser(tenant), a_member(tenant)
    with managing(tenant.pk):
        key, old = ApiKey.objects.issue(member, "job")
    response = client.post(url(ApiKey, "changelist"), {"action": action, "_selected_action": [str(key.pk)]})
    if action == "revoke":
        assert ApiKey.objects.find(old) is None
        return
    ((_, new),) = response.context["secrets"]
    assert ApiKey.objects.find(old)
    assert ApiKey.objects.find(new)


def test_a_key_is_not_made_for_somebody_who_may_do_more(tenant):
    client = browser(tenant, Role.ADMINISTRATOR)
    owner = a_member(tenant, role=Role.OWNER)
    response = client.post(
        url(ApiKey, "add"), {"membership": owner.pk, "label": "job", "scopes": ["ask"], "addresses": ""}
    )
    assert "may do more than you" in response.content.decode()
    assert not ApiKey.objects.exists()
    assert refusals(tenant) == ["outranked"]


def test_owners_end_emergency_access_from_the_list_and_auditors_only_look(tenant):
    from datetime import timedelta

    from django.utils import timezone

    root = User.objects.create_superuser("root@platform.example", "x" * 12)
    with managing(tenant.pk):
        stay = BreakGlass.objects.create(
            tenant=tenant, user=root, reason="x" * 12, expires_at=timezone.now() + timedelta(hours=1)
        )
    sent = {"action": "end_now", "_selected_action": [str(stay.pk)]}
    assert browser(tenant, Role.AUDITOR).get(url(stay, "changelist")).status_code == 200
    browser(tenant, Role.AUDITOR).post(url(stay, "changelist"), sent)
    assert BreakGlass.objects.open_now().exists()
    browser(tenant).post(url(stay, "changelist"), sent)
    assert not BreakGlass.objects.open_now().exists()
