"""Sessions: begun, seen, listed and ended. Ending one deletes Django's row, which a trigger announces."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.internal.httpkit import get_client_ip
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from accounts.browsing import TENANT_IN_SESSION
from accounts.models import IdentityProvider, SignInPolicy, SignInSession, User
from accounts.resolve import find_membership

SEEN_EVERY = timedelta(minutes=1)  # a write for every request would cost more than it tells
AGENT_CHARS_MAX = 200


def begin(request: HttpRequest, user: User) -> SignInSession:
    """Note that `user` has just signed in with the request's session."""
    if not request.session.session_key:
        request.session.save()
    method, provider, second_factor = how(request, user)
    tenant = provider.tenant if provider else None
    if tenant:
        request.session[TENANT_IN_SESSION] = str(tenant.pk)
    membership = find_membership(user, tenant.pk if tenant else None)
    policy = SignInPolicy.of(membership.tenant_id if membership else None)
    request.session.set_expiry(int(policy.absolute.total_seconds()))
    row, _ = SignInSession.objects.update_or_create(
        session_id=request.session.session_key,
        defaults={
            "user": user,
            "method": method,
            "tenant": tenant,
            "second_factor": second_factor,
            "address": get_client_ip(request),
            "agent": request.META.get("HTTP_USER_AGENT", "")[:AGENT_CHARS_MAX],
            "started_at": timezone.now(),
            "seen_at": timezone.now(),
        },
    )
    request.sign_in = row  # type: ignore[attr-defined]  # read by the gate and the account pages
    return row


def how(request: HttpRequest, user: User) -> tuple[str, IdentityProvider | None, bool]:
    """The way in, the provider that vouched where one did, and whether a second factor was shown."""
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    shown = any(record["method"] == "mfa" for record in records)
    if any(record.get("passwordless") for record in records):
        return SignInSession.Method.PASSKEY, None, True
    vouched = [record for record in records if record["method"] == "socialaccount"]
    if not vouched:
        return SignInSession.Method.PASSWORD, None, shown
    provider = IdentityProvider.objects.select_related("tenant").get(pk=vouched[-1]["provider"])
    return SignInSession.Method.IDENTITY_PROVIDER, provider, shown or provider.second_factor_there


def carry_over(request: HttpRequest, row: SignInSession) -> None:
    """Keep the note of a session whose key has changed."""
    if row.session_id != request.session.session_key:
        request.session.save()
        row.session_id = str(request.session.session_key)
        row.save(force_insert=True)


def see(row: SignInSession, now: datetime) -> None:
    """Note a sign of life, to the minute."""
    if row.seen_at < now - SEEN_EVERY:
        SignInSession.objects.filter(pk=row.pk, seen_at__lt=now - SEEN_EVERY).update(seen_at=now)


def end(sessions: "list[SignInSession]") -> int:
    """End these sessions; returns how many there still were."""
    keys = [session.session_id for session in sessions]
    _, deleted = Session.objects.filter(session_key__in=keys).delete()
    return deleted.get("sessions.Session", 0)


def end_all(user: User, *, but: str | None = None, tenant_id: UUID | None = None) -> int:
    """End every session of a person; returns how many.

    but: the key of one that stays. tenant_id: only those that came through this tenant's provider.
    """
    sessions = SignInSession.objects.filter(user=user).exclude(session_id=but or "")
    if tenant_id is not None:
        sessions = sessions.filter(tenant_id=tenant_id)
    return end(list(sessions))
