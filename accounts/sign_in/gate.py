"""Every request of a session passes here: it may have ended, or lack what its tenant asks for."""

from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from accounts.browsing import TENANT_IN_SESSION, membership_of
from accounts.database import in_database
from accounts.events import tell
from accounts.models import SignInSession, User
from accounts.sign_in import sessions
from accounts.sign_in.people import may_sign_in
from accounts.sign_in.policy import Ended, Lacking, Standing, standing_of

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]

# Where somebody goes to bring what is lacking, or to leave.
OPEN = ("/account/", "/sign-in/", "/sign-out/", "/sso/", "/static/", "/livez", "/readyz")

SENTENCES = {
    Lacking.ENROLMENT: "Your organisation requires a second factor. Set one up on your account page first.",
    Lacking.SECOND_FACTOR: "Your organisation requires a second factor. Confirm it is you first.",
    Lacking.OTHER_WAY: "Your organisation does not accept passwords. Sign in through its own service.",
}


@sync_and_async_middleware
def gate(get_response: GetResponse) -> GetResponse:
    """End sessions whose time is over; hold up those that lack a second factor. API keys pass by."""
    if iscoroutinefunction(get_response):

        async def run_async(request: HttpRequest) -> HttpResponseBase:
            stopped = await in_database(judge, request) if concerns(request) else None
            return stopped or await cast(Awaitable[HttpResponse], get_response(request))

        return run_async

    def run(request: HttpRequest) -> HttpResponseBase:
        stopped = judge(request) if concerns(request) else None
        return stopped or cast(HttpResponse, get_response(request))

    return run


def concerns(request: HttpRequest) -> bool:
    """Whether a session comes along; a static file needs none."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path.startswith("/static/")


def judge(request: HttpRequest) -> HttpResponse | None:
    """The answer in place of what was asked for; None: the request goes on."""
    if SESSION_KEY not in request.session:
        return None
    user = request.user
    if not isinstance(user, User):
        return None
    row = SignInSession.objects.filter(pk=request.session.session_key, user=user).first()
    if row is not None and row.tenant_id and request.session.get(TENANT_IN_SESSION) != str(row.tenant_id):
        # Its provider vouches for this tenant and no other, whatever was chosen since.
        request.session[TENANT_IN_SESSION] = str(row.tenant_id)
    standing = standing_of(user, row, membership_of(request)) if row else None
    ended = over(standing)
    if standing is None or ended:
        expire(request, user, standing, ended or "unknown")
        return None
    request.sign_in = standing.session  # type: ignore[attr-defined]  # read by the account pages
    if request.path not in settings.RAGSITE_UNATTENDED_PATHS:
        sessions.see(standing.session, timezone.now())
    lacking = standing.lacking()
    return hold_up(request, lacking) if lacking and not request.path.startswith(OPEN) else None


def over(standing: Standing | None) -> Ended | None:
    """Why the session has ended; None: it goes on."""
    if standing is None or not may_sign_in(standing.user):
        return "unknown"
    if standing.session.tenant_id and standing.user.is_superuser:
        return "unknown"  # made a platform administrator since; no tenant's word opens the platform
    now = timezone.now()
    if now - standing.session.started_at >= standing.policy.absolute:
        return "absolute"
    return "idle" if now - standing.session.seen_at >= standing.policy.idle else None


def expire(request: HttpRequest, user: User, standing: Standing | None, reason: Ended) -> None:
    """End the session; the request goes on as a stranger's, who is sent to sign in."""
    tell(
        "session.expired",
        tenant_id=standing.policy.tenant_id if standing else None,
        actor_id=user.pk,
        outcome=reason,
    )
    request.session.flush()
    forget(request)


def forget(request: HttpRequest) -> None:
    """Let this request count as nobody's."""

    async def nobody() -> AnonymousUser:
        return AnonymousUser()

    request.user = AnonymousUser()
    request.auser = nobody
    if hasattr(request, "_membership"):
        del request._membership


def hold_up(request: HttpRequest, lacking: Lacking) -> HttpResponse | None:
    """Lead a person to what is lacking, and tell a program in JSON."""
    if "Authorization" in request.headers:
        forget(request)  # the key decides, and the session gives it nothing
        return None
    if request.path.startswith("/api/"):
        body = {
            "code": lacking.value,
            "detail": SENTENCES[lacking],
            "request_id": str(getattr(request, "request_id", "")),
        }
        return JsonResponse(body, status=403)
    if lacking is Lacking.SECOND_FACTOR:
        back = request.get_full_path() if request.method == "GET" else "/"
        return HttpResponseRedirect(f"{reverse('account-confirm')}?{urlencode({'next': back})}")
    return HttpResponseRedirect(reverse("account"))
