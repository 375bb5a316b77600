"""How allauth behaves here: every decision of ours that it asks for."""

from typing import Any
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.events import tell
from accounts.models import IdentityProvider, Tenant, User
from accounts.resolve import find_membership
from accounts.sign_in import sessions
from accounts.sign_in.mail import deliver
from accounts.sign_in.people import find_person, may_sign_in
from accounts.sign_in.sealing import fingerprint, seal, unseal

MISMATCH = "This address and password do not go together. Check both and try again."
TOO_MANY = "There were too many attempts. Wait a quarter of an hour and try again, or ask for a new password."

# What the account page says afterwards; the library's other messages are left out.
MESSAGES = {
    "account/messages/password_changed.txt": "Your password is changed, and your other sessions have ended.",
    "mfa/messages/totp_activated.txt": "Your authenticator app is set up.",
    "mfa/messages/totp_deactivated.txt": "Your authenticator app is removed.",
    "mfa/messages/webauthn_added.txt": "Your passkey is added.",
    "mfa/messages/webauthn_removed.txt": "Your passkey is removed.",
}


class AccountAdapter(DefaultAccountAdapter):
    """Passwords, redirects, mail, and the moment at which a session begins."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "incorrect_code": "This code is not right, or was used before. Wait for the next one.",
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your password.",
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Only paths of this site: a host that we answer to may be somebody else's tomorrow."""
        return bool(url) and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person, or None with the failure on record. Raises ValidationError after too many."""
        from accounts.sign_in.backends import PersonBackend

        self.pre_authenticate(request, **credentials)
        person = PersonBackend().authenticate(request, **credentials)
        if person is None:
            self.authentication_failed(request, **credentials)
        else:
            self._rollback_login_failed_rl_usage()
        return person

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            note_failure("sign_in.locked", credentials.get("email", ""), "too_many")
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        note_failure("sign_in.failed", credentials.get("email", ""), "mismatch")

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Not by host, as the library has it: an address has one count, whatever name we are called by.
        return fingerprint(credentials.get("email", "").strip().lower(), purpose="attempts")

    def reauthenticate(self, user: Any, password: str) -> bool:
        request = current.request
        return self.authenticate(request, email=user.email, password=password) == user

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        if may_sign_in(user):
            return None
        tell("sign_in.refused", actor_id=user.pk, outcome="not_in_force")
        return redirect("sign-in-refused")

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session, after the entry that says so is on record."""
        if not may_sign_in(user):
            raise ImmediateHttpResponse(redirect("sign-in-refused"))
        method, provider, second_factor = sessions.how(request, user)
        membership = find_membership(user, provider.tenant_id if provider else None)
        tell(
            "sign_in.succeeded",
            tenant_id=membership.tenant_id if membership else None,
            actor_id=user.pk,
            outcome=method,
            details={"second_factor": second_factor} | ({"provider": str(provider.pk)} if provider else {}),
        )
        super().login(request, user)

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            tell("session.ended", actor_id=request.user.pk, outcome="signed_out")
        super().logout(request)

    def render_mail(
        self, template_prefix: str, email: Any, context: Any, headers: Any = None
    ) -> EmailMessage:
        message = super().render_mail(template_prefix, email, context, headers)
        message.alternatives = []  # text is enough, and nothing in it is followed
        return message

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        deliver(self.render_mail(template_prefix, email, {"request": self.request, **context}))

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if sentence := kwargs.get("message") or MESSAGES.get(message_template or ""):
            messages.add_message(request, level, sentence)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/account/"


def note_failure(event: str, email: str, reason: str) -> None:
    """Record a failure against an address without writing the address down."""
    person = find_person(email)
    membership = find_membership(person) if person else None
    tell(
        event,
        tenant_id=membership.tenant_id if membership else None,
        outcome=reason,
        object_pk=str(person.pk) if person else "",
        details={"address": fingerprint(email.strip().lower(), purpose="address")},
    )


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors; their secrets are sealed."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right, or was used before. Wait for the next one.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text, purpose="second factor")

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, purpose="second factor")

    def _get_site_name(self) -> str:
        return "ragsite"

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"


class IdentityAdapter(DefaultSocialAccountAdapter):
    """A tenant's identity providers in the place of the library's own table of them."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False  # whom a provider may bring in is made a member before the library looks

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[Any]:
        found = live_provider(provider)
        return [app_of(found)] if found and client_id in (None, found.client_id) else []

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Any:
        from accounts.sign_in.oidc import TenantOpenIdConnect
        from accounts.sign_in.saml import TenantSaml

        app = self.get_app(request, provider, client_id)
        return (TenantSaml if app.provider == "saml" else TenantOpenIdConnect)(request, app=app)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **kwargs: Any
    ) -> None:
        """Answer with a refusal that is on record, whatever went wrong on the way."""
        from accounts.sign_in.identities import refuse

        reason = getattr(exception, "reason", "") or ("cancelled" if error == "cancelled" else "")
        reason = reason or ("provider_failed" if exception else "state_unknown")
        raise ImmediateHttpResponse(refuse(request, live_provider(provider.app.provider_id), reason))

    def get_requests_session(self) -> Any:
        from accounts.sign_in.fetching import careful_session

        return careful_session()

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        from accounts.sign_in.identities import let_in

        let_in(request, sociallogin)


def live_provider(pk: Any) -> IdentityProvider | None:
    """The provider with this id, if it and its tenant are in force."""
    try:
        number = pk if isinstance(pk, UUID) else UUID(str(pk))
    except ValueError:
        return None
    live = IdentityProvider.objects.filter(pk=number, enabled=True, tenant__state=Tenant.State.ACTIVE)
    return live.select_related("tenant").first()


def app_of(provider: IdentityProvider) -> Any:
    """A provider as the library knows them; never stored."""
    from allauth.socialaccount.models import SocialApp

    return SocialApp(
        provider="saml" if provider.kind == IdentityProvider.Kind.SAML else "openid_connect",
        provider_id=str(provider.pk),
        name=provider.name,
        client_id=provider.client_id,
        secret=provider.client_secret,
        settings={"server_url": provider.issuer.rstrip("/"), "oauth_pkce_enabled": True},
    )
