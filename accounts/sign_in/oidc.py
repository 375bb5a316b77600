"""OpenID Connect: the authorization code flow with PKCE, a nonce, and a token whose signature is checked."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse

from accounts.sign_in.adapters import live_provider
from accounts.sign_in.identities import Identity, Refused, TenantLogin, groups_of, use_once

# Public-key ones only: a client secret as the key would let the client sign for the provider.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLOCK_SKEW = timedelta(minutes=1)
REQUIRED_CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nonce"]


class TenantOpenIdConnectAdapter(OpenIDConnectOAuth2Adapter):
    """Speaks with one tenant's provider. `nonce` is the one of the sign-in that comes back."""

    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's own description; one that speaks for another issuer is refused."""
        found = super().openid_config
        named = str(found.get("issuer", "")).rstrip("/") if isinstance(found, dict) else ""
        if named != self.get_provider().app.settings["server_url"]:
            raise Refused("issuer_mismatch")
        return found

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> Any:
        """The sign-in a verified ID token speaks of; raises Refused for any other one."""
        raw = kwargs["response"].get("id_token")
        if not isinstance(raw, str):
            raise Refused("token_missing")
        claims = self.verified(raw, app.client_id)
        if "email" not in claims and "userinfo_endpoint" in self.openid_config:
            more = self._fetch_user_info(token.token)
            if more.get("sub") != claims["sub"]:
                raise Refused("subject_mismatch")
            claims = {**more, **claims}
        return self.get_provider().sociallogin_from_response(request, claims)

    def verified(self, raw: str, client_id: str) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7). Raises Refused, naming the first fault."""
        try:
            claims: dict[str, Any] = jwt.decode(
                raw,
                key=self.key_of(raw),
                algorithms=ALGORITHMS,
                audience=client_id,
                issuer=self.openid_config["issuer"],
                leeway=CLOCK_SKEW,
                options={"require": REQUIRED_CLAIMS},
            )
        except jwt.PyJWTError as error:
            raise Refused(FAULTS.get(type(error), "token_malformed")) from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
            raise Refused("audience_mismatch")
        if not self.nonce or not secrets.compare_digest(str(claims["nonce"]), self.nonce):
            raise Refused("nonce_mismatch")
        return claims

    def key_of(self, raw: str) -> Any:
        """The provider's key that the token names; its only one where it names none."""
        from accounts.sign_in.fetching import careful_session

        with careful_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        name = jwt.get_unverified_header(raw).get("kid")
        found = [key for key in keys if key.key_id == name] if name else keys
        if len(found) != 1:
            raise Refused("key_unknown")
        return found[0]


FAULTS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidAudienceError: "audience_mismatch",
    jwt.InvalidIssuerError: "issuer_mismatch",
    jwt.InvalidSignatureError: "signature_wrong",
    jwt.InvalidAlgorithmError: "algorithm_refused",
    jwt.MissingRequiredClaimError: "claim_missing",
}


class TenantOpenIdConnect(OpenIDConnectProvider):
    """One tenant's provider."""

    oauth2_adapter_class = TenantOpenIdConnectAdapter

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Send the browser to the provider, with a nonce that only this sign-in knows."""
        nonce = secrets.token_urlsafe(24)
        return super().redirect(
            request, process, next_url, {"nonce": nonce}, scope=["openid", "email", "profile"],
            auth_params={"nonce": nonce},
        )  # fmt: skip

    def sociallogin_from_response(self, request: HttpRequest, response: dict[str, Any]) -> TenantLogin:
        """A sign-in of the person the claims speak of. Claims that we do not know are passed over."""
        provider = live_provider(self.app.provider_id)
        if provider is None:
            raise Refused("provider_unknown")
        ends_at = datetime.fromtimestamp(float(response["exp"]), UTC)
        use_once(provider, f"nonce {response['nonce']}", ends_at)
        identity = Identity(
            provider=provider,
            subject=str(response["sub"]),
            email=str(response.get("email") or ""),
            email_verified=response.get("email_verified") in (True, "true"),
            name=str(response.get("name") or ""),
            groups=groups_of(response, provider.group_claim),
        )
        return TenantLogin(self, identity)


class TenantCallback(OAuth2CallbackView):
    """Takes the nonce out of the state that the sign-in was begun with."""

    adapter: TenantOpenIdConnectAdapter

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.nonce = ((state or {}).get("data") or {}).get("nonce", "")
        return state, response


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    view = TenantCallback.adapter_view(TenantOpenIdConnectAdapter(request, provider_id))
    response: HttpResponse = view(request)
    return response
