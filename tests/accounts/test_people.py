"""Members, roles and who may change which: nobody climbs, and the last owner stays."""

import pytest

from accounts.database import managing
from accounts.models import ApiKey, Group, GroupNesting, Membership, TenantRole, User
from accounts.people import (
    Appointment,
    add_member,
    add_service,
    change_member,
    deactivate_member,
    leave,
    remove_member,
    remove_role,
    save_role,
)
from accounts.refusals import Refusal
from accounts.roles import RIGHTS, Right, Role, may_hand_out
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from tests.factories import a_group, a_member, a_tenant

pytestmark = pytest.mark.django_db

TOP = Sensitivity.RESTRICTED


@pytest.fixture
def tenant():
    return a_tenant()


def refusals(tenant) -> list[str]:
    with managing(tenant.pk):
        entries = AuditEntry.objects.filter(event="change.refused").order_by("sequence")
        return list(entries.values_list("outcome", flat=True))


def test_a_person_is_brought_in_by_address_with_role_ceiling_and_groups(tenant):
    owner = a_member(tenant, role=Role.OWNER, ceiling=TOP)
    group = a_group(tenant)
    given = Appointment(role=Role.EDITOR, ceiling=TOP)
    made = add_member(owner, tenant, "new@here.example", given, name="New", groups=[group])

    assert (made.role, made.ceiling, made.user.name, made.user.is_staff) == ("editor", TOP, "New", True)
    assert not made.user.has_usable_password()
    assert set(Group.objects.filter(user=made.user)) == {group}


def test_a_person_of_another_tenant_keeps_her_account_and_gets_a_second_place(tenant):
    elsewhere = a_member(a_tenant())
    made = add_member(a_member(tenant, role=Role.OWNER), tenant, elsewhere.user.email.upper(), Appointment())

    assert made.user_id == elsewhere.user_id


def test_nobody_is_a_member_twice(tenant):
    owner, member = a_member(tenant, role=Role.OWNER), a_member(tenant)
    with pytest.raises(Refusal, match="already"):
        add_member(owner, tenant, member.user.email, Appointment())
    assert refusals(tenant) == ["membership_once"]


@pytest.mark.parametrize("role", [role for role in Role.assignable() if Right.MANAGE_PEOPLE in RIGHTS[role]])
@pytest.mark.parametrize("given", Role.assignable())
def test_nobody_hands_out_a_role_beyond_her_own(tenant, role, given):
    own = a_member(tenant, role=role)
    member = a_member(tenant)
    appointment = Appointment(role=given, ceiling=Sensitivity.INTERNAL)
    if may_hand_out(RIGHTS[role], RIGHTS[given]):
        assert change_member(own, member, appointment).role == given
        return
    with pytest.raises(Refusal, match="more than your own"):
        change_member(own, member, appointment)
    with pytest.raises(Refusal, match="more than your own"):
        add_member(own, tenant, "new@here.example", appointment)
    member.refresh_from_db()
    assert member.role == Role.MEMBER
    assert refusals(tenant) == ["beyond_own_rights"] * 2


@pytest.mark.parametrize("role", [Role.EDITOR, Role.MEMBER, Role.AUDITOR, Role.COMPLIANCE_OFFICER])
def test_without_the_right_nobody_manages_people(tenant, role):
    own, member = a_member(tenant, role=role), a_member(tenant)
    wishes = (
        lambda: change_member(own, member, Appointment()),
        lambda: remove_member(own, member),
        lambda: add_member(own, tenant, "new@here.example", Appointment()),
        lambda: add_service(own, tenant, "robot", Appointment()),
        lambda: save_role(own, TenantRole(tenant=tenant, name="x", rights=[])),
    )
    for wish in wishes:
        with pytest.raises(Refusal, match="does not include"):
            wish()


def test_nobody_changes_her_own_place(tenant):
    """T-12."""
    own = a_member(tenant, role=Role.ADMINISTRATOR)
    for wish in (
        lambda: change_member(own, own, Appointment(role=Role.MEMBER)),
        lambda: change_member(own, own, Appointment(role=Role.ADMINISTRATOR, ceiling=TOP)),
        lambda: deactivate_member(own, own),
        lambda: remove_member(own, own),
    ):
        with pytest.raises(Refusal, match=r"her own|above"):
            wish()
    stored = Membership.objects.get(pk=own.pk)
    assert (stored.role, stored.ceiling, stored.is_active) == (
        Role.ADMINISTRATOR,
        Sensitivity.CONFIDENTIAL,
        True,
    )


def test_nobody_changes_or_removes_who_may_do_more(tenant):
    own, owner = a_member(tenant, role=Role.ADMINISTRATOR), a_member(tenant, role=Role.OWNER)
    a_member(tenant, role=Role.OWNER)
    auditor = a_member(tenant, role=Role.AUDITOR)
    for target in (owner, auditor):
        for wish in (
            lambda target=target: change_member(own, target, Appointment()),
            lambda target=target: remove_member(own, target),
        ):
            with pytest.raises(Refusal, match="more than you"):
                wish()


def test_a_ceiling_above_ones_own_is_not_given_but_may_stay(tenant):
    own, high = a_member(tenant, role=Role.ADMINISTRATOR), a_member(tenant, ceiling=TOP)
    low = a_member(tenant)
    with pytest.raises(Refusal, match="ceiling"):
        change_member(own, low, Appointment(ceiling=TOP))
    assert change_member(own, high, Appointment(role=Role.EDITOR, ceiling=TOP)).ceiling == TOP


def test_a_deactivated_member_is_still_outranking(tenant):
    """Her rights count as they would be, or an administrator could reach an owner through her rest."""
    own, auditor = a_member(tenant, role=Role.ADMINISTRATOR), a_member(tenant, role=Role.AUDITOR)
    Membership.objects.filter(pk=auditor.pk).update(is_active=False)
    with pytest.raises(Refusal, match="more than you"):
        change_member(own, auditor, Appointment(), is_active=True)


def test_the_last_owner_stays_by_every_way(tenant):
    owner = a_member(tenant, role=Role.OWNER)
    for wish in (
        lambda: leave(owner),
        lambda: remove_member(None, owner),
        lambda: change_member(None, owner, Appointment()),
        lambda: deactivate_member(None, owner),
    ):
        with pytest.raises(Refusal, match="at least one owner"):
            wish()
    assert refusals(tenant) == ["last_owner"] * 4
    assert Membership.objects.get(pk=owner.pk).role == Role.OWNER


def test_an_owner_leaves_when_there_is_another_and_her_keys_and_groups_end(tenant):
    owner, group = a_member(tenant, role=Role.OWNER), a_group(tenant)
    a_member(tenant, role=Role.OWNER)
    elsewhere = a_group(a_tenant())
    owner.user.groups.add(group, elsewhere)
    with managing(tenant.pk):
        _, secret = ApiKey.objects.issue(owner, "key")
    leave(owner)

    assert not Membership.objects.filter(pk=owner.pk).exists()
    assert set(Group.objects.filter(user=owner.user)) == {elsewhere}
    assert ApiKey.objects.find(secret) is None


def test_keys_do_not_come_back_with_a_member(tenant):
    owner, member = a_member(tenant, role=Role.OWNER), a_member(tenant)
    with managing(tenant.pk):
        _, secret = ApiKey.objects.issue(member, "key")
    deactivate_member(owner, member)
    back = change_member(owner, member, Appointment(), is_active=True)

    assert back.is_active
    assert ApiKey.objects.find(secret) is None


def test_a_service_account_has_a_name_and_no_way_to_sign_in(tenant):
    owner = a_member(tenant, role=Role.OWNER)
    made = add_service(owner, tenant, " nightly report ", Appointment(role=Role.EDITOR))

    assert (made.user.is_service, made.user.name, made.user.is_staff) == (True, "nightly report", False)
    assert not made.user.has_usable_password()
    with pytest.raises(Refusal, match="name"):
        add_service(owner, tenant, "  ", Appointment())
    with pytest.raises(Refusal, match="cannot be a member"):
        add_member(None, a_tenant(), made.user.email, Appointment())


def test_staff_are_those_who_have_something_to_administer(tenant):
    owner, member = a_member(tenant, role=Role.OWNER), a_member(tenant)
    change_member(owner, member, Appointment(role=Role.EDITOR))
    assert User.objects.get(pk=member.user_id).is_staff
    change_member(owner, member, Appointment())
    assert not User.objects.get(pk=member.user_id).is_staff


# --- Roles of the tenant's own --------------------------------------------------------------------


def a_role(tenant, *rights: Right, name: str = "helper") -> TenantRole:
    with managing(tenant.pk):
        return TenantRole.objects.create(tenant=tenant, name=name, rights=list(rights))


def test_a_role_carries_only_rights_of_who_makes_or_changes_it(tenant):
    administrator, owner = a_member(tenant, role=Role.ADMINISTRATOR), a_member(tenant, role=Role.OWNER)
    role = TenantRole(tenant=tenant, name="reader", rights=[Right.ASK, Right.READ_AUDIT])
    with pytest.raises(Refusal, match="have yourself"):
        save_role(administrator, role)
    save_role(owner, role)
    role.rights = [Right.ASK]  # less than before, but taken from others all the same
    with pytest.raises(Refusal, match="have yourself"):
        save_role(administrator, role)
    with pytest.raises(Refusal, match="have yourself"):
        remove_role(administrator, TenantRole.objects.get(pk=role.pk))


def test_nobody_changes_the_role_she_has_herself(tenant):
    role = a_role(tenant, Right.ASK, Right.MANAGE_PEOPLE)
    own = a_member(tenant)
    Membership.objects.filter(pk=own.pk).update(own_role=role)
    own = Membership.objects.select_related("own_role").get(pk=own.pk)
    role.rights = [Right.ASK]
    with pytest.raises(Refusal, match="has herself"):
        save_role(own, role)


def test_a_member_with_a_role_of_the_tenants_own_has_its_rights_as_they_are_now(tenant):
    owner, member = a_member(tenant, role=Role.OWNER), a_member(tenant)
    role = a_role(tenant, Right.ASK)
    given = change_member(owner, member, Appointment(own_role=role))
    assert given.rights == {Right.ASK}
    role.rights = [Right.ASK, Right.EDIT_DOCUMENTS]
    save_role(owner, role)

    assert Membership.objects.get(pk=member.pk).may(Right.EDIT_DOCUMENTS)


def test_a_role_in_use_stays_and_an_unused_one_goes(tenant):
    owner, member = a_member(tenant, role=Role.OWNER), a_member(tenant)
    role = a_role(tenant, Right.ASK)
    change_member(owner, member, Appointment(own_role=role))
    with pytest.raises(Refusal, match="another one first"):
        remove_role(owner, role)
    change_member(owner, member, Appointment())
    remove_role(owner, TenantRole.objects.get(tenant=tenant))
    assert not TenantRole.objects.filter(tenant=tenant).exists()


def test_a_role_has_a_name_of_its_own_and_rights_that_exist(tenant):
    owner = a_member(tenant, role=Role.OWNER)
    a_role(tenant, name="helper")
    for name, rights, said in (
        ("helper", [], "already"),
        ("Owner", [], "comes with ragsite"),
        ("x", ["everything"], "no right"),
    ):
        with pytest.raises(Refusal, match=said):
            save_role(owner, TenantRole(tenant=tenant, name=name, rights=rights))


def test_a_role_of_another_tenant_is_no_role_here(tenant):
    owner, member = a_member(tenant, role=Role.OWNER), a_member(tenant)
    foreign = a_role(a_tenant(), Right.ASK)
    with pytest.raises(Refusal, match="no such role"):
        change_member(owner, member, Appointment(own_role=foreign))


def test_people_of_another_tenant_are_out_of_reach(tenant):
    owner, stranger = a_member(tenant, role=Role.OWNER), a_member(a_tenant())
    for wish in (
        lambda: change_member(owner, stranger, Appointment()),
        lambda: remove_member(owner, stranger),
        lambda: add_member(owner, stranger.tenant, "new@here.example", Appointment()),
        lambda: save_role(owner, TenantRole(tenant=stranger.tenant, name="x", rights=[])),
    ):
        with pytest.raises(Refusal, match="no such thing"):
            wish()


def test_foreign_groups_are_never_joined(tenant):
    owner = a_member(tenant, role=Role.OWNER)
    made = add_member(owner, tenant, "new@here.example", Appointment(), groups=[a_group(a_tenant())])

    assert not made.user.groups.exists()


def test_nesting_in_a_circle_is_said_in_a_sentence(tenant):
    from django.db import IntegrityError, transaction

    from accounts.refusals import by_the_database

    outer, inner = a_group(tenant), a_group(tenant)
    GroupNesting.objects.create(tenant=tenant, outer=outer, inner=inner)
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        GroupNesting.objects.create(tenant=tenant, outer=inner, inner=outer)

    refusal = by_the_database(raised.value)
    assert refusal is not None
    assert "circle" in str(refusal.message)
