"""Emergency access of a platform administrator to one tenant: opened, told to its owners, ended.

Everything under it is on record before it leaves: see `note_reading`.
"""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils import timezone

from accounts.database import managing
from accounts.events import tell
from accounts.models import BreakGlass, Membership, Tenant, User
from accounts.people import Refuse, refusing
from accounts.refusals import told
from accounts.resolve import is_emergency
from accounts.roles import Right

log = structlog.get_logger()

REASON_CHARS_MIN = 10
REASON_CHARS_MAX = 1000
MINUTES = 60
MINUTES_MAX = 240
IDS_MAX = 50  # of one request, on record


@told
def open_stay(user: User, tenant: Tenant, reason: str, minutes: int = MINUTES) -> BreakGlass:
    """Open emergency access for a platform administrator and tell the tenant's owners.

    Raises Refusal. Mail that cannot be sent is logged and hides nothing: the owners' pages say it too.
    """
    refuse = refusing(None, tenant.pk, user.pk)
    reason = reason.strip()
    check_stay(user, tenant, reason, minutes, refuse)
    now = timezone.now()
    with managing(tenant.pk):
        stay = BreakGlass.objects.create(
            tenant=tenant,
            user=user,
            reason=reason,
            opened_at=now,
            expires_at=now + timedelta(minutes=minutes),
        )
        tell(
            "break_glass.opened",
            tenant_id=tenant.pk,
            actor_id=user.pk,
            object_pk=str(stay.pk),
            details={"minutes": minutes},
        )
        transaction.on_commit(partial(tell_owners, stay))
    return stay


def check_stay(user: User, tenant: Tenant, reason: str, minutes: int, refuse: Refuse) -> None:
    if not (user.is_superuser and user.is_active):
        raise refuse("Emergency access is for platform administrators.", "no_administrator")
    if not tenant.is_active:
        raise refuse("This tenant is suspended; nobody gets in.", "suspended")
    if not REASON_CHARS_MIN <= len(reason) <= REASON_CHARS_MAX:
        raise refuse(f"Give a reason of {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters.", "reason")
    if not 1 <= minutes <= MINUTES_MAX:
        raise refuse(f"Emergency access lasts between 1 and {MINUTES_MAX} minutes.", "minutes")
    if Membership.objects.filter(tenant=tenant, user=user, is_active=True).exists():
        raise refuse("A member of the tenant works under her own role.", "member")
    if BreakGlass.objects.open_now().filter(tenant=tenant, user=user).exists():
        raise refuse("An emergency access to this tenant is open already.", "open_already")


def end_stay(stay: BreakGlass, by: User | None) -> bool:
    """End emergency access now; False when it had ended. The caller has checked who may."""
    with managing(stay.tenant_id):
        stored = BreakGlass.objects.select_for_update().get(pk=stay.pk)
        if not stored.is_open:
            return False
        stored.ended_at, stored.ended_by = timezone.now(), by
        stored.save(update_fields=["ended_at", "ended_by"])
        tell(
            "break_glass.ended",
            tenant_id=stay.tenant_id,
            actor_id=by.pk if by else None,
            object_pk=str(stay.pk),
            outcome="by_herself" if by and by.pk == stay.user_id else "by_another",
        )
    return True


def open_stays(membership: Membership) -> list[BreakGlass]:
    """The emergency accesses that this member is told of: all of the tenant for its owners, else her own."""
    stays = BreakGlass.objects.open_now().filter(tenant=membership.tenant_id).select_related("user")
    if membership.may(Right.MANAGE_TENANT):
        return list(stays)
    return list(stays.filter(user=membership.user_id)) if is_emergency(membership) else []


def may_end(membership: Membership, stay: BreakGlass) -> bool:
    """Whether a member of the tenant, or who is there in an emergency, may end it."""
    if stay.tenant_id != membership.tenant_id:
        return False
    return membership.may(Right.MANAGE_TENANT) or stay.user_id == membership.user_id


# --- Told to the owners -----------------------------------------------------------------------------

MAIL = """{who} has opened emergency access to {tenant} on ragsite.

Since:  {since:%Y-%m-%d %H:%M} UTC
Until:  {until:%Y-%m-%d %H:%M} UTC
Reason: {reason}

Until then this person can read what members of {tenant} may read, and change nothing. Everything read is in
your audit trail. Any owner can end it at once: sign in, and use "End it now" at the top of the page.
"""


def tell_owners(stay: BreakGlass) -> None:
    """Write to everybody who may end it, one by one."""
    body = MAIL.format(
        who=f"{stay.user.get_full_name()} ({stay.user.email})",
        tenant=stay.tenant.name,
        since=stay.opened_at,
        until=stay.expires_at,
        reason=stay.reason,
    )
    subject = f"Emergency access to {' '.join(stay.tenant.name.split())}"
    for address in owners_addresses(stay.tenant_id):
        try:
            EmailMessage(subject, body, to=[address]).send()
        except OSError as error:
            log.error("break_glass.mail_failed", stay=stay.pk, error=type(error).__name__)


def owners_addresses(tenant_id: UUID) -> list[str]:
    places = Membership.objects.filter(
        tenant_id=tenant_id, is_active=True, user__is_active=True, user__is_service=False
    ).select_related("user", "own_role")
    return [place.user.email for place in places if place.may(Right.MANAGE_TENANT)]


# --- On record --------------------------------------------------------------------------------------


def note_reading(request: HttpRequest, membership: Membership) -> None:
    """Put a request under emergency access on record before it reads anything; once a request.

    Raises whatever the audit trail raises: what cannot be recorded is not shown.
    """
    asked: Any = getattr(request, "_request", request)  # the REST framework wraps Django's own
    if not is_emergency(membership) or getattr(asked, "_emergency_noted", None) == membership.tenant_id:
        return
    stay = BreakGlass.objects.open_now().filter(tenant=membership.tenant_id, user=membership.user_id).first()
    tell(
        "break_glass.read",
        tenant_id=membership.tenant_id,
        actor_id=membership.user_id,
        object_pk=str(stay.pk) if stay else "",
        details=what_is_asked(asked),
    )
    asked._emergency_noted = membership.tenant_id


def what_is_asked(request: HttpRequest) -> dict[str, Any]:
    """Route, method and the ids in the address; never words that somebody typed."""
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return {"route": "", "method": request.method}
    ids = [*map(str, match.kwargs.values()), *(value for _, many in request.GET.lists() for value in many)]
    return {
        "route": match.view_name or match.route,
        "method": request.method,
        "objects": [value for value in ids if is_id(value)][:IDS_MAX],
    }


def is_id(value: str) -> bool:
    """Whether a value of an address is an id of ours: a number, or a UUID."""
    if value.isascii() and value.isdecimal() and len(value) <= 19:
        return True
    try:
        return bool(UUID(value))
    except ValueError:
        return False
