"""Members of a tenant: brought in, changed, let go. The one place for the rules of who may do that.

Nobody hands out what she does not hold herself, and nobody changes her own place. `own` is the
membership of who acts; None is the operator of the installation, at its command line or platform
pages. Every function raises Refusal, which is on record by then.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import Group as AuthGroup
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import RestrictedError
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Group, Membership, Tenant, TenantRole, User
from accounts.refusals import Refusal, by_the_database, told
from accounts.roles import Right, Role, may_hand_out, rights_of
from accounts.scope import Sensitivity

ROLE_IN_USE = "Members have this role; give them another one first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """What a place in a tenant comes with: a role, or one of the tenant's own, and a ceiling."""

    role: Role = Role.MEMBER
    own_role: TenantRole | None = None
    ceiling: Sensitivity = Sensitivity.CONFIDENTIAL

    @classmethod
    def of(cls, membership: Membership) -> "Appointment":
        return cls(
            role=Role(membership.role),
            own_role=membership.own_role,
            ceiling=Sensitivity(membership.ceiling),
        )

    @property
    def rights(self) -> frozenset[Right]:
        return Right.known(self.own_role.rights) if self.own_role else rights_of(self.role)


@told
def add_member(
    own: Membership | None,
    tenant: Tenant,
    email: str,
    appointment: Appointment,
    *,
    name: str = "",
    groups: Iterable[Group] = (),
) -> Membership:
    """Bring in a person by address: an account is made, without a password, where there is none."""
    refuse = refusing(own, tenant.pk)
    check_right(own, Right.MANAGE_PEOPLE, refuse)
    check_appointment(own, appointment, refuse)
    with changing(tenant.pk, refuse):
        person = User.objects.filter(email__iexact=email).first()
        if person is not None and (person.is_service or not person.is_active):
            raise refuse("This account cannot be a member.", "account_closed")
        person = person or User.objects.create_user(email, name=name)
        return place(tenant, person, appointment, groups)


@told
def add_service(
    own: Membership | None, tenant: Tenant, name: str, appointment: Appointment, groups: Iterable[Group] = ()
) -> Membership:
    """Make a service account: a member that owns keys and never signs in."""
    refuse = refusing(own, tenant.pk)
    check_right(own, Right.MANAGE_KEYS, refuse)
    check_appointment(own, appointment, refuse)
    if not name.strip():
        raise refuse("A service account needs a name.", "service_name")
    with changing(tenant.pk, refuse):
        return place(tenant, User.objects.create_service(name.strip()), appointment, groups)


@told
def change_member(
    own: Membership | None,
    membership: Membership,
    appointment: Appointment,
    *,
    is_active: bool = True,
    groups: Iterable[Group] | None = None,
) -> Membership:
    """Give a member another role, ceiling, state or (unless None) other groups.

    Her keys end with her place: who comes back gets new ones.
    """
    refuse = refusing(own, membership.tenant_id, membership.pk)
    stored = check_may_touch(own, membership, refuse)
    check_appointment(own, appointment, refuse, before=Sensitivity(stored.ceiling))
    with changing(membership.tenant_id, refuse):
        stored.role, stored.own_role = appointment.role, appointment.own_role
        stored.ceiling, stored.is_active = appointment.ceiling, is_active
        stored.save()
        if not is_active:
            end_keys(stored)
        if groups is not None:
            set_groups(stored, groups)
        keep_staff_flag(stored.user)
    return stored


def deactivate_member(own: Membership | None, membership: Membership) -> Membership:
    """Close a member's place: sessions, keys and streams end, nothing of hers is lost."""
    return change_member(own, membership, Appointment.of(membership), is_active=False)


@told
def remove_member(own: Membership | None, membership: Membership) -> None:
    """Take a member out of the tenant, with her keys and her places in its groups."""
    refuse = refusing(own, membership.tenant_id, membership.pk)
    take_out(check_may_touch(own, membership, refuse), refuse)


@told
def leave(membership: Membership) -> None:
    """Give up one's own place. The last owner cannot."""
    take_out(membership, refusing(membership, membership.tenant_id, membership.pk))


@told
def save_role(own: Membership | None, role: TenantRole) -> None:
    """Make or change a role of the tenant; neither what it was nor what it becomes exceeds `own`."""
    refuse = refusing(own, role.tenant_id, role.pk)
    check_right(own, Right.MANAGE_PEOPLE, refuse)
    if own is not None and role.pk is not None and own.own_role_id == role.pk:
        raise refuse("Nobody changes the role she has herself.", "own_role")
    check_role(own, role, refuse)
    with changing(role.tenant_id, refuse):
        role.save()
        for user in User.objects.filter(memberships__own_role=role):
            keep_staff_flag(user)


@told
def remove_role(own: Membership | None, role: TenantRole) -> None:
    """Delete a role that no member has."""
    refuse = refusing(own, role.tenant_id, role.pk)
    check_right(own, Right.MANAGE_PEOPLE, refuse)
    check_role(own, role, refuse)
    with changing(role.tenant_id, refuse):
        try:
            role.delete()
        except RestrictedError:
            raise refuse(ROLE_IN_USE, "role_in_use") from None


# --- The rules ------------------------------------------------------------------------------------

Refuse = Callable[[str, str], Refusal]


def refusing(own: Membership | None, tenant_id: UUID, object_pk: object = "") -> Refuse:
    """Makes refusals of one wish: (sentence, rule)."""

    def refuse(sentence: str, rule: str) -> Refusal:
        actor_id = own.user_id if own else None
        return Refusal(sentence, rule=rule, tenant_id=tenant_id, actor_id=actor_id, object_pk=object_pk)

    if own is not None and own.tenant_id != tenant_id:
        raise refuse("There is no such thing here.", "foreign")
    return refuse


def check_right(own: Membership | None, right: Right, refuse: Refuse) -> None:
    if own is not None and not own.may(right):
        raise refuse(f"Your role '{own.role_name}' does not include '{right.label}'.", "right")


def check_appointment(
    own: Membership | None, given: Appointment, refuse: Refuse, before: Sensitivity | None = None
) -> None:
    """Nobody gives a right or a ceiling beyond her own; a ceiling that stays as it was is not given."""
    if own is None:
        return
    if not may_hand_out(own.rights, given.rights):
        raise refuse("This role may do more than your own.", "beyond_own_rights")
    if given.ceiling > own.ceiling and given.ceiling != before:
        raise refuse("Nobody gives a ceiling above her own.", "beyond_own_ceiling")


def check_may_touch(own: Membership | None, membership: Membership, refuse: Refuse) -> Membership:
    """The membership as it is stored, when `own` may change or end it."""
    stored = Membership.objects.select_related("own_role", "user").get(
        pk=membership.pk, tenant_id=membership.tenant_id
    )
    if own is None:
        return stored
    check_right(own, Right.MANAGE_KEYS if stored.user.is_service else Right.MANAGE_PEOPLE, refuse)
    if own.pk == stored.pk:
        raise refuse("Nobody changes her own role, ceiling or activity.", "own_place")
    if not may_hand_out(own.rights, Appointment.of(stored).rights):
        raise refuse("This member may do more than you.", "outranked")
    return stored


def check_role(own: Membership | None, role: TenantRole, refuse: Refuse) -> None:
    """Raises for a right that is none, and for one that `own` lacks, before or after the change."""
    try:
        role.clean()
    except ValidationError as error:
        raise refuse(error.messages[0], "role_invalid") from None
    stored = TenantRole.objects.filter(pk=role.pk, tenant_id=role.tenant_id).first() if role.pk else None
    touched = Right.known(role.rights) | (Right.known(stored.rights) if stored else frozenset())
    if own is not None and not may_hand_out(own.rights, touched):
        raise refuse("A role carries only rights that you have yourself.", "beyond_own_rights")


# --- What is written ------------------------------------------------------------------------------


@contextmanager
def changing(tenant_id: UUID, refuse: Refuse) -> Iterator[None]:
    """A transaction of the tenant in which the database's constraints become refusals."""
    try:
        with managing(tenant_id):
            yield
    except IntegrityError as error:
        refusal = by_the_database(error)
        if refusal is None:
            raise
        raise refuse(str(refusal.message), refusal.rule) from None


def place(tenant: Tenant, person: User, given: Appointment, groups: Iterable[Group]) -> Membership:
    membership = Membership.objects.create(
        tenant=tenant, user=person, role=given.role, own_role=given.own_role, ceiling=given.ceiling
    )
    set_groups(membership, groups)
    keep_staff_flag(person)
    return membership


def take_out(membership: Membership, refuse: Refuse) -> None:
    with changing(membership.tenant_id, refuse):
        set_groups(membership, ())
        person = membership.user
        membership.delete()
        keep_staff_flag(person)


def set_groups(membership: Membership, groups: Iterable[Group]) -> None:
    """Exactly these groups of the tenant; of other tenants and of everybody nothing changes."""
    offered = Group.objects.filter(tenant_id=membership.tenant_id, builtin=False)
    wanted = set(offered.filter(pk__in=[group.pk for group in groups]).values_list("pk", flat=True))
    held = set(offered.filter(user=membership.user_id).values_list("pk", flat=True))
    membership.user.groups.remove(*AuthGroup.objects.filter(pk__in=held - wanted))
    membership.user.groups.add(*AuthGroup.objects.filter(pk__in=wanted - held))


def end_keys(membership: Membership) -> None:
    for key in ApiKey.objects.filter(membership=membership, revoked_at=None):
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


def keep_staff_flag(user: User) -> None:
    """Whoever has something to administer somewhere may open the admin; a service never."""
    places = Membership.objects.filter(user=user, is_active=True).select_related("own_role")
    administers = any(membership.rights - {Right.ASK} for membership in places)
    is_staff = user.is_superuser or (administers and not user.is_service)
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
