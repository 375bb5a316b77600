"""What follows when somebody signs in, or a way in changes: the session's note, and an audit entry."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed, password_reset
from allauth.core import context as current
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.browsing import membership_of
from accounts.events import tell
from accounts.models import SignInSession, User
from accounts.sign_in import sessions


@receiver(user_logged_in)
def begin_session(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    sessions.begin(request, user)


@receiver(password_changed)
def end_other_sessions(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """A password is changed because somebody else may know it; her session ends with it."""
    if (row := getattr(request, "sign_in", None)) is not None:
        sessions.carry_over(request, row)
    ended = sessions.end_all(user, but=request.session.session_key)
    note(request, user, "password.changed", details={"sessions_ended": ended})


@receiver(password_reset)
def end_every_session(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    ended = sessions.end_all(user)
    get_adapter()._delete_login_attempts_cached_email(request, email=user.email)
    note(request, user, "password.reset", details={"sessions_ended": ended})


@receiver(mfa.authenticator_added)
def note_added(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note(request, user, "second_factor.added", outcome=authenticator.type)
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        prove(request)  # setting one up takes using it


@receiver(mfa.authenticator_removed)
def note_removed(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note(request, user, "second_factor.removed", outcome=authenticator.type)


@receiver(mfa.authenticator_reset)
def note_reset(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note(request, user, "second_factor.renewed", outcome=authenticator.type)


@receiver(mfa.authenticator_used)
def note_used(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note(request, user, "second_factor.used", outcome=authenticator.type)
    prove(request)


@receiver(mfa.authentication_failed)
def note_failed(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note(request, user, "second_factor.failed", outcome=authenticator.type)


def prove(request: HttpRequest) -> None:
    """The session of a signed-in person has shown a second factor; before signing in there is none yet."""
    row = getattr(request, "sign_in", None)
    if row is not None:
        row.second_factor = True
        SignInSession.objects.filter(pk=row.pk).update(second_factor=True)


def note(
    request: HttpRequest | None,
    user: User,
    event: str,
    outcome: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    request = request or current.request
    membership = membership_of(request) if request is not None and hasattr(request, "session") else None
    tell(
        event,
        tenant_id=membership.tenant_id if membership else None,
        actor_id=user.pk,
        outcome=outcome,
        object_pk=str(user.pk),
        details=details,
    )
