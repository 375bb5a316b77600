"""The account page and what it leads to: second factors, passkeys, sessions, the password."""

from typing import Any

from allauth.account.views import PasswordChangeView, ReauthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeReauthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts.browsing import TENANT_IN_SESSION, administers, membership_of
from accounts.events import tell
from accounts.models import IdentityProvider, SignInSession, User
from accounts.people import leave
from accounts.refusals import Refusal
from accounts.resolve import active_memberships, is_emergency
from accounts.sign_in import sessions
from accounts.sign_in.gate import SENTENCES
from accounts.sign_in.policy import Lacking, may_change_credentials, standing_of


def frame(request: HttpRequest) -> dict[str, Any]:
    """What the frame of every page shows of the person and where she is."""
    membership = membership_of(request)
    assert isinstance(request.user, User)
    return {
        "section": "account",
        "tenant": membership.tenant if membership else None,
        "role": membership.role_name if membership else "",
        "administers": membership is not None and administers(membership),
        "tenants": [place.tenant for place in active_memberships(request.user)],
    }


@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    standing = standing_of(request.user, own_session(request), membership_of(request))
    factors = list(Authenticator.objects.filter(user=request.user).order_by("created_at"))
    lacking = standing.lacking()
    page = {
        "app": next((factor for factor in factors if factor.type == "totp"), None),
        "passkeys": [factor for factor in factors if factor.type == "webauthn"],
        "codes": next((factor for factor in factors if factor.type == "recovery_codes"), None),
        "required": standing.requires_second_factor(),
        "lacking": SENTENCES[lacking] if lacking else "",
        "other_ways": ways_of(request) if lacking is Lacking.OTHER_WAY else [],
        "sessions": sessions_of(request.user),
        "this_session": standing.session.pk,
        "may_change": may_change_credentials(request.user, standing.session),
        "has_password": request.user.has_usable_password(),
        "place": membership_of(request),
    }
    return render(request, "account.html", frame(request) | page)


def own_session(request: HttpRequest) -> SignInSession:
    session: SignInSession = request.sign_in  # type: ignore[attr-defined]  # set by the gate
    return session


def sessions_of(user: User) -> list[SignInSession]:
    return list(SignInSession.objects.filter(user=user).select_related("tenant").order_by("-seen_at"))


def ways_of(request: HttpRequest) -> list[IdentityProvider]:
    membership = membership_of(request)
    return list(membership.tenant.identity_providers.filter(enabled=True)) if membership else []


@login_required
@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """End one of one's own sessions; anybody else's is as good as none."""
    assert isinstance(request.user, User)
    chosen = request.POST.get("session", "")
    mine = SignInSession.objects.filter(user=request.user)
    found = [session for session in mine if session.handle == chosen]
    if not found:
        raise Http404
    note_ended(request.user, sessions.end(found))
    return redirect("account")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    note_ended(request.user, sessions.end_all(request.user, but=request.session.session_key))
    return redirect("account")


@login_required
@require_POST
def leave_organisation(request: HttpRequest) -> HttpResponse:
    """Give up one's place in the organisation the session acts in. The last owner is refused in words."""
    membership = membership_of(request)
    if (
        membership is None
        or is_emergency(membership)
        or request.POST.get("tenant") != str(membership.tenant_id)
    ):
        raise Http404
    try:
        leave(membership)
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
        return redirect("account")
    request.session.pop(TENANT_IN_SESSION, None)
    return redirect("/")


def note_ended(user: User, count: int) -> None:
    tell("session.ended", actor_id=user.pk, outcome="revoked", details={"sessions": count})


@login_required
@require_GET
def confirm(request: HttpRequest) -> HttpResponse:
    """Lead to showing the second factor one has."""
    assert isinstance(request.user, User)
    kinds = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    if not kinds & {"totp", "webauthn"}:
        return redirect("account")
    name = "mfa_reauthenticate" if "totp" in kinds else "mfa_reauthenticate_webauthn"
    target = request.GET.get("next", "/")
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': target})}")


class InFrame:
    """A page of the library inside ours."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | frame(self.request)  # type: ignore[misc]


class ChangesCredentials(InFrame):
    """A page that gives or takes a way in.

    Not for a session that another tenant could have made, nor for one that is not enough itself: what
    it set up would be.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            standing = standing_of(request.user, own_session(request), membership_of(request))
            if standing.lacking() is Lacking.SECOND_FACTOR:
                return redirect("account-confirm")
            if standing.lacking() is Lacking.OTHER_WAY or not may_change_credentials(
                request.user, standing.session
            ):
                return redirect("account")
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class ChangePassword(ChangesCredentials, PasswordChangeView):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and not request.user.has_usable_password():
            return redirect("account")
        return super().dispatch(request, *args, **kwargs)


class Reauthenticate(InFrame, ReauthenticateView):
    pass


class ReauthenticateByCode(InFrame, CodeReauthenticateView):
    pass


class ReauthenticateByPasskey(InFrame, ReauthenticateWebAuthnView):
    pass


class AddApp(ChangesCredentials, ActivateTOTPView):
    pass


class RemoveApp(ChangesCredentials, DeactivateTOTPView):
    pass


class AddPasskey(ChangesCredentials, AddWebAuthnView):
    pass


class RemovePasskey(ChangesCredentials, RemoveWebAuthnView):
    pass


class RecoveryCodes(ChangesCredentials, ViewRecoveryCodesView):
    pass


class NewRecoveryCodes(ChangesCredentials, GenerateRecoveryCodesView):
    pass
