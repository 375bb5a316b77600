"""A person in a browser: the membership the session acts under."""

from uuid import UUID

from django.http import HttpRequest

from accounts.break_glass import note_reading
from accounts.models import Membership, User
from accounts.resolve import find_membership, is_emergency
from accounts.roles import Right

TENANT_IN_SESSION = "tenant_id"


def membership_of(request: HttpRequest) -> Membership | None:
    """The membership a browser acts under: in the session's tenant, or the person's first. Read once."""
    if not isinstance(request.user, User):
        return None
    if not hasattr(request, "_membership"):
        chosen = request.session.get(TENANT_IN_SESSION)
        membership = find_membership(request.user, UUID(chosen) if chosen else None)
        if membership is not None:
            note_reading(request, membership)
        request._membership = membership  # type: ignore[attr-defined]
    return request._membership  # type: ignore[attr-defined]


def administers(membership: Membership) -> bool:
    """Whether the role has any right besides asking: only then is there something to administer.

    In an emergency there is not: one reads what members read, on their pages.
    """
    return not is_emergency(membership) and any(
        membership.may(right) for right in Right if right is not Right.ASK
    )
