"""Credentials of programs, and of browsers where a plain view asks for them."""

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey, User
from compliance.audit.context import current

SCHEME = "bearer"
SECRET_CHARS_MAX = 200


def client_address(request: Request) -> str | None:
    """The client's, as the request's audit context knows it: behind a counted number of proxies."""
    return current().address or request.META.get("REMOTE_ADDR")


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer rgs_...`: acts as the key's member, in the key's tenant."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's person and the key; None when no such header came. A bad key is never passed over."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME:
            return None
        secret = secret.strip()
        # An unknown key, a revoked one and one of a deactivated member are answered alike.
        key = (
            ApiKey.objects.find(secret, client_address(request))
            if 0 < len(secret) <= SECRET_CHARS_MAX and secret.isprintable()
            else None
        )
        if key is None:
            raise AuthenticationFailed("This API key is not valid.")
        return key.membership.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionCredentials(SessionAuthentication):
    """A browser's session with its CSRF token, for views that read the body themselves.

    The framework's request would parse the body to look for a token there, and refuse JSON for which
    it was given no parser.
    """

    def enforce_csrf(self, request: Request) -> None:
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # it asks Django's own request
