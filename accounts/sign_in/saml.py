"""SAML 2.0: sign-in begun here, an answer to exactly that request, its assertion signed and used once."""

from datetime import UTC, datetime
from typing import Any

from allauth.core.internal import ratelimit
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.providers.base.provider import Provider
from allauth.socialaccount.sessions import LoginSession
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Saml
from onelogin.saml2.errors import OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from accounts.models import IdentityProvider
from accounts.sign_in.adapters import app_of, live_provider
from accounts.sign_in.identities import Identity, Refused, TenantLogin, groups_of, refuse, use_once

ANSWER_CHARS_MAX = 256 * 1024
WAITING = ("saml_answer", "saml-answer")  # where an answer waits for the browser to come by with its session

SUBJECT_ATTRIBUTE = "urn:oasis:names:tc:SAML:attribute:subject-id"
EMAIL_ATTRIBUTES = (
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "email",
    "mail",
)
NAME_ATTRIBUTES = (
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "name",
)
UNVERIFIED = ("http://schemas.auth0.com/email_verified", "email_verified")

# python3-saml's own codes, as words for the audit trail.
FAULTS = {
    OneLogin_Saml2_ValidationError.WRONG_AUDIENCE: "audience_mismatch",
    OneLogin_Saml2_ValidationError.WRONG_ISSUER: "issuer_mismatch",
    OneLogin_Saml2_ValidationError.WRONG_DESTINATION: "destination_mismatch",
    OneLogin_Saml2_ValidationError.WRONG_INRESPONSETO: "state_unknown",
    OneLogin_Saml2_ValidationError.INVALID_SIGNATURE: "signature_wrong",
    OneLogin_Saml2_ValidationError.NO_SIGNATURE_FOUND: "signature_missing",
    OneLogin_Saml2_ValidationError.NO_SIGNED_ASSERTION: "signature_missing",
    OneLogin_Saml2_ValidationError.ASSERTION_EXPIRED: "expired",
    OneLogin_Saml2_ValidationError.ASSERTION_TOO_EARLY: "not_yet_valid",
    OneLogin_Saml2_ValidationError.SESSION_EXPIRED: "expired",
    OneLogin_Saml2_ValidationError.STATUS_CODE_IS_NOT_SUCCESS: "cancelled",
}


class TenantSaml(Provider):
    """One tenant's provider."""

    id, name, supports_redirect = "saml", "SAML", True

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Send the browser to the provider, and remember the request it has to answer."""
        provider = live_provider(self.app.provider_id)
        assert provider is not None
        auth = OneLogin_Saml2_Auth(described(request, request.path), settings_of(request, provider))
        address = auth.login(return_to="")
        self.stash_redirect_state(request, process, next_url, data, state_id=auth.get_last_request_id())
        return HttpResponseRedirect(address)


def described(request: HttpRequest, path: str) -> dict[str, Any]:
    """A request as python3-saml wants it, by the host that Django found to be ours."""
    https = "on" if request.is_secure() else "off"
    return {
        "https": https,
        "http_host": request.get_host(),
        "script_name": path,
        "get_data": {},
        "post_data": {},
    }


def settings_of(request: HttpRequest, provider: IdentityProvider) -> dict[str, Any]:
    """How python3-saml is to judge this provider's answers: strictly, and by a signed assertion."""

    def address(name: str) -> str:
        return request.build_absolute_uri(reverse(name, args=[provider.pk]))

    return {
        "strict": True,
        "sp": {
            "entityId": address("saml-metadata"),
            "assertionConsumerService": {"url": address("saml-answer"), "binding": Saml.BINDING_HTTP_POST},
            "NameIDFormat": Saml.NAMEID_UNSPECIFIED,
        },
        "idp": {
            "entityId": provider.issuer,
            "singleSignOnService": {"url": provider.sign_in_url, "binding": Saml.BINDING_HTTP_REDIRECT},
            "x509cert": provider.certificate,
        },
        "security": {
            "wantAssertionsSigned": True,
            "wantNameId": True,
            "wantAttributeStatement": False,
            "requestedAuthnContext": False,
            "rejectDeprecatedAlgorithm": True,
            "allowRepeatAttributeName": True,
            "allowSingleLabelDomains": True,  # inside one's own network
            "signatureAlgorithm": Saml.RSA_SHA256,
            "digestAlgorithm": Saml.SHA256,
        },
    }


@csrf_exempt
@require_POST
def answer(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Takes the provider's form. It comes from another site, so the session's cookie does not: one step more."""
    if not ratelimit.consume(request, app="allauth.account", action="assertion"):
        return ratelimit.respond_429(request)
    provider = saml_provider_or_404(provider_id)
    text = request.POST.get("SAMLResponse", "")
    if not 0 < len(text) <= ANSWER_CHARS_MAX:
        return refuse(request, provider, "answer_malformed")
    response = HttpResponseRedirect(reverse("saml-finish", args=[provider.pk]))
    waiting = LoginSession(request, *WAITING)
    waiting.store.update({"answer": text})
    waiting.store.set_expiry(60)
    waiting.save(response)
    return response


@require_GET
def finish(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in whom the answer speaks of, or say that it opens nothing."""
    provider = saml_provider_or_404(provider_id)
    waiting = LoginSession(request, *WAITING)
    text = waiting.store.get("answer")
    waiting.delete()
    try:
        if not isinstance(text, str):
            raise Refused("state_unknown")
        login, state = judge(request, provider, text)
    except Refused as refusal:
        return refuse(request, provider, refusal.reason)
    login.state = state
    response: HttpResponse = complete_social_login(request, login)
    return response


@require_GET
def metadata(request: HttpRequest, provider_id: str) -> HttpResponse:
    """What the provider's administrator needs of us; nothing in it is secret."""
    provider = saml_provider_or_404(provider_id)
    ours = OneLogin_Saml2_Settings(settings=settings_of(request, provider), sp_validation_only=True)
    return HttpResponse(ours.get_sp_metadata(), content_type="application/samlmetadata+xml")


def saml_provider_or_404(provider_id: str) -> IdentityProvider:
    provider = live_provider(provider_id)
    if provider is None or provider.kind != IdentityProvider.Kind.SAML:
        raise Http404
    return provider


def judge(request: HttpRequest, provider: IdentityProvider, text: str) -> tuple[TenantLogin, dict[str, Any]]:
    """The sign-in and the state it was begun with. Raises Refused, naming the first fault."""
    settings = OneLogin_Saml2_Settings(settings=settings_of(request, provider))
    own = TenantSaml(request, app=app_of(provider))
    try:
        response = OneLogin_Saml2_Response(settings, text)
        asked = asked_by(request, response, own.sub_id)
        sent_to = reverse("saml-answer", args=[provider.pk])  # the address before this one
        response.is_valid(described(request, sent_to), request_id=asked, raise_exceptions=True)
        ends_at = confirmed_until(response, asked, settings.get_sp_data()["assertionConsumerService"]["url"])
        identity = identity_of(response, provider)
    except Refused:
        raise
    except Exception as error:  # lxml, xmlsec, base64 and the library raise their own for whatever came
        raise Refused(FAULTS.get(getattr(error, "code", None), "assertion_invalid")) from error
    state = statekit.unstash_state(request, state_id=asked, provider_id=own.sub_id)
    if state is None:
        raise Refused("state_unknown")
    use_once(provider, f"assertion {response.get_assertion_id()}", ends_at)
    return TenantLogin(own, identity), state


def asked_by(request: HttpRequest, response: OneLogin_Saml2_Response, provider_id: str) -> str:
    """The id of our request that an answer names. Raises Refused for one that this browser did not send."""
    asked = response.get_in_response_to()
    if not asked:
        raise Refused("unsolicited")
    stashed = statekit.get_states(request).get(asked)
    if stashed is None or stashed[2] != provider_id:
        raise Refused("state_unknown")
    return str(asked)


def confirmed_until(response: OneLogin_Saml2_Response, asked: str, address: str) -> datetime:
    """When the assertion ends, after what the library leaves open when it is absent.

    Only the assertion is signed. What ties it to our request, to us and to a time has to be inside it
    (SAML 2.0 Profiles, 4.1.4.2), or an answer to another request could be put into a new envelope.
    """
    if not response.get_audiences():
        raise Refused("audience_mismatch")
    for data in response._query_assertion(
        "/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData"
    ):
        ends = data.get("NotOnOrAfter")
        if data.get("InResponseTo") == asked and data.get("Recipient") == address and ends:
            return datetime.fromtimestamp(OneLogin_Saml2_Utils.parse_SAML_to_time(ends), UTC)
    raise Refused("unsolicited")


def identity_of(response: OneLogin_Saml2_Response, provider: IdentityProvider) -> Identity:
    """Raises Refused for a subject that is another one next time."""
    attributes: dict[str, list[str]] = response.get_attributes()
    named, kind = response.get_nameid() or "", response.get_nameid_format()
    subject = first_of(attributes, (SUBJECT_ATTRIBUTE,))
    if not subject and kind == Saml.NAMEID_TRANSIENT:
        raise Refused("subject_transient")
    email = first_of(attributes, EMAIL_ATTRIBUTES)
    if not email and kind == Saml.NAMEID_EMAIL_ADDRESS:
        email = named
    return Identity(
        provider=provider,
        subject=subject or named,
        email=email,
        email_verified=first_of(attributes, UNVERIFIED).lower() not in ("false", "0", "no"),
        name=first_of(attributes, NAME_ATTRIBUTES),
        groups=groups_of(attributes, provider.group_claim),
    )


def first_of(attributes: dict[str, list[str]], names: tuple[str, ...]) -> str:
    """The first value of the first attribute that is there; empty for none."""
    return next((str(attributes[name][0]).strip() for name in names if attributes.get(name)), "")
