"""From a signed-in person to an access scope. There is no scope without an active membership."""

from uuid import UUID

from accounts.models import Group, Membership, User
from accounts.scope import AccessScope, Sensitivity


def active_memberships(user: User) -> list[Membership]:
    """The person's places in tenants, oldest first; empty for a deactivated person."""
    if not user.is_active:
        return []
    return list(
        Membership.objects.filter(user=user, is_active=True)
        .select_related("tenant")
        .order_by("created_at", "pk")
    )


def scope_of(membership: Membership) -> AccessScope:
    """What the member may read now: her own id, her groups in this tenant, and everyone's group."""
    groups = Group.objects.filter(tenant_id=membership.tenant_id).filter(user=membership.user_id)
    everyone = Group.objects.filter(tenant_id=membership.tenant_id, builtin=True)
    return AccessScope(
        tenant_id=membership.tenant_id,
        user_id=membership.user_id,
        group_ids=frozenset(groups.union(everyone).values_list("pk", flat=True)),
        ceiling=Sensitivity(membership.ceiling),
    )


def find_membership(user: User, tenant_id: UUID | None = None) -> Membership | None:
    """The membership a request acts under: the chosen tenant's, or the person's first.

    None when there is none in force; a tenant the person does not belong to is the same as none.
    """
    memberships = active_memberships(user)
    if tenant_id is None:
        return memberships[0] if memberships else None
    return next((m for m in memberships if m.tenant_id == tenant_id), None)
