"""Members as a directory keeps them: who is shown, brought in, changed, and let go."""

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import ApiKey, Membership, Tenant, User
from accounts.resolve import active_memberships
from accounts.roles import Right, Role, may_hand_out, rights_of
from accounts.scim.domains import is_address, not_an_address, owns_address, person_to_bring_in
from accounts.scim.drafts import UNNAMED, UserDraft
from accounts.scim.errors import ScimError, invalid_value, taken
from accounts.sign_in.people import find_person
from accounts.sign_in.sessions import end_all

KEPT = Q(is_active=True) | ~Q(external_id="")


def members(tenant: Tenant) -> QuerySet[Membership]:
    """Whom the directory sees: everybody in force, and the deactivated ones that it keeps itself.

    Service accounts are the tenant's programs and no people of any directory.
    """
    places = Membership.objects.filter(KEPT, tenant=tenant, user__is_service=False)
    return places.select_related("user", "tenant", "own_role").order_by("pk")


def bring_in(tenant: Tenant, draft: UserDraft) -> Membership:
    """A new member, with the lowest role and no more. Raises ScimError."""
    if not draft.user_name:
        raise invalid_value("A User has a userName.")
    # A directory that heard nothing sends again: the second request waits here, and finds her made.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    place = _place_of(tenant, draft.user_name)
    if place is None:
        person = person_to_bring_in(tenant, draft.user_name, draft.name or "")
        place = Membership(tenant=tenant, user=person)
    elif place.is_active or place.external_id:
        raise taken()
    else:
        begin_anew(place)
    place.is_active = draft.active is not False
    place.save()
    name_externally(place, draft.external_id or "")
    return place


def _place_of(tenant: Tenant, address: str) -> Membership | None:
    person = find_person(address)
    places = Membership.objects.select_for_update(of=("self",)).filter(tenant=tenant).select_related("user")
    return places.filter(user=person).first() if person else None


def begin_anew(place: Membership) -> None:
    """Nothing of an earlier stay comes back with her: no role, no group and no key."""
    place.role, place.own_role = Role.MEMBER, None
    place.ceiling = Membership._meta.get_field("ceiling").get_default()
    leave_groups(place)
    for key in ApiKey.objects.filter(membership=place, revoked_at=None):
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


def name_externally(place: Membership, external_id: str) -> None:
    """Keep the directory's id for her; without one, a mark that the directory keeps her all the same."""
    place.external_id = external_id or f"{UNNAMED}{place.pk}"
    place.save(update_fields=["external_id"])


def external_id_of(place: Membership) -> str:
    return "" if place.external_id.startswith(UNNAMED) else place.external_id


def change(place: Membership, draft: UserDraft, rights: frozenset[Right]) -> list[str]:
    """Make her what the draft says, and return the names of what changed. Raises ScimError.

    rights: of the key's owner, who cannot give the address of somebody with more rights to another.
    """
    changed = _change_person(place, draft, rights)
    if draft.external_id is not None and draft.external_id != external_id_of(place):
        name_externally(place, draft.external_id)
        changed.append("externalId")
    if draft.active is not None and draft.active != place.is_active:
        (reactivate if draft.active else deactivate)(place)
        changed.append("active")
    return changed


def _change_person(place: Membership, draft: UserDraft, rights: frozenset[Right]) -> list[str]:
    """An account may belong to several tenants, so only the owner of its domain changes it."""
    person, changed = place.user, []
    if draft.user_name is not None and draft.user_name.lower() != person.email.lower():
        person.email = new_address(place, draft.user_name, rights)
        changed.append("userName")
    renamed = draft.name is not None and draft.name != person.name
    if renamed and is_authority(place):
        person.name = draft.name or ""
        changed.append("displayName")
    if changed:
        person.save(update_fields=["email", "name"])
    return changed


def is_authority(place: Membership) -> bool:
    return owns_address(place.tenant, place.user.email) and not place.user.is_superuser


def new_address(place: Membership, address: str, rights: frozenset[Right]) -> str:
    """Raises ScimError unless the old address and the new one are this tenant's, and the new one is free."""
    if not (is_authority(place) and may_hand_out(rights, _rights_when_active(place))):
        raise ScimError(
            400, "This userName cannot be changed from here.", scim_type="mutability", rule="address"
        )
    if not (is_address(address) and owns_address(place.tenant, address)):
        raise not_an_address(place.tenant)
    if find_person(address) is not None:
        raise taken()
    return User.objects.normalize_email(address)


def _rights_when_active(place: Membership) -> frozenset[Right]:
    """Not those of now: she could be deactivated, given another address, and activated again."""
    return Right.known(place.own_role.rights) if place.own_role else rights_of(place.role)


def reactivate(place: Membership) -> None:
    place.is_active = True
    place.save(update_fields=["is_active"])


def deactivate(place: Membership) -> None:
    """Her keys and streams here end with the commit, and her sessions unless she has another tenant.

    Then only those end that this tenant's own service vouched for; the others act here no more, since
    a request's membership must be in force.
    """
    place.is_active = False
    place.save(update_fields=["is_active"])
    if not external_id_of(place):
        name_externally(place, "")
    elsewhere = bool(active_memberships(place.user))
    end_all(place.user, tenant_id=place.tenant_id if elsewhere else None)


def let_go(place: Membership) -> None:
    """Deactivate her and forget that the directory kept her; to the directory she is deleted.

    The row stays: her questions and audit entries point to a member, and it is what lets a tenant
    without a domain bring her in again, which it could not do with a stranger.
    """
    if place.is_active:
        deactivate(place)
    begin_anew(place)
    place.external_id = ""
    place.save()


def leave_groups(place: Membership) -> None:
    memberships = User.groups.through.objects.filter(user_id=place.user_id)
    memberships.filter(group__group__tenant_id=place.tenant_id).delete()
