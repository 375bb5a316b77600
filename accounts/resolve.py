"""From a signed-in person to an access scope. There is no scope without an active membership."""

from dataclasses import replace
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import ApiKey, BreakGlass, Membership, Tenant, User
from accounts.roles import Role
from accounts.scope import AccessScope, Sensitivity

PRINCIPALS = "select groups, acting, ends from accounts_acting_as(%(user)s, %(tenant)s)"

# In an emergency one acts as everybody of the tenant, so the same checks hold for her as for anybody.
EVERYBODYS = """
with acting as materialized (
         select d.principal_id, d.expires_at from accounts_delegation d
          where d.tenant_id = %(tenant)s and (d.expires_at is null or d.expires_at > now()))
select array(select user_id from accounts_membership where tenant_id = %(tenant)s
              union select group_ptr_id from accounts_group where tenant_id = %(tenant)s),
       array(select distinct principal_id from acting), (select min(expires_at) from acting)
"""


def active_memberships(user: User) -> list[Membership]:
    """The person's places in tenants that are not suspended, oldest first; then her emergency accesses.

    Empty for a deactivated person.
    """
    if not user.is_active:
        return []
    places = list(
        Membership.objects.filter(user=user, is_active=True, tenant__state=Tenant.State.ACTIVE)
        .select_related("tenant", "own_role")
        .order_by("created_at", "pk")
    )
    return places + [
        stay for stay in emergency_memberships(user) if stay.tenant_id not in {m.tenant_id for m in places}
    ]


def emergency_memberships(user: User) -> list[Membership]:
    """A membership that is nowhere stored for each emergency access open now."""
    if not user.is_superuser:
        return []
    opened = BreakGlass.objects.open_now().filter(user=user, tenant__state=Tenant.State.ACTIVE)
    return [
        Membership(tenant=stay.tenant, user=user, role=Role.BREAK_GLASS, ceiling=Sensitivity.RESTRICTED)
        for stay in opened.select_related("tenant")
    ]


def is_emergency(membership: Membership) -> bool:
    return membership.role == Role.BREAK_GLASS


def scope_of(membership: Membership, key: ApiKey | None = None) -> AccessScope:
    """What the member may read now: as herself, her groups and the ones around those, and all they act as.

    key: the key she came with, whose own ceiling and end narrow it.
    """
    emergency = is_emergency(membership)
    with connection.cursor() as cursor:
        cursor.execute(
            EVERYBODYS if emergency else PRINCIPALS,
            {"user": membership.user_id, "tenant": membership.tenant_id},
        )
        groups, acting, ends_at = cursor.fetchone()
    scope = AccessScope(
        tenant_id=membership.tenant_id,
        user_id=membership.user_id,
        group_ids=frozenset(groups),
        acting_ids=frozenset(acting),
        ceiling=Sensitivity(membership.ceiling),
        valid_until=ends_at,
    )
    if emergency:
        stays = BreakGlass.objects.open_now().filter(tenant=membership.tenant_id, user=membership.user_id)
        stay = stays.order_by("-expires_at").first()
        scope = replace(scope, break_glass_id=stay.pk if stay else None)
        return scope.narrowed(valid_until=stay.expires_at if stay else timezone.now())
    if key is None:
        return scope
    ceiling = None if key.ceiling is None else Sensitivity(key.ceiling)
    return scope.narrowed(ceiling, key.expires_at)


def find_membership(user: User, tenant_id: UUID | None = None) -> Membership | None:
    """The membership a request acts under: the chosen tenant's, or the person's first.

    None when there is none in force; a tenant the person does not belong to is the same as none.
    """
    memberships = active_memberships(user)
    if tenant_id is None:
        return memberships[0] if memberships else None
    return next((m for m in memberships if m.tenant_id == tenant_id), None)
