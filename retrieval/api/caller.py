"""Who calls: a person in a browser or a program with a key, always inside exactly one tenant."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from accounts.browsing import TENANT_IN_SESSION
from accounts.models import ApiKey, Membership, User
from accounts.resolve import find_membership, scope_of
from accounts.roles import Right
from accounts.scope import AccessScope
from retrieval.api.authentication import ApiKeyAuthentication, SessionCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A membership in force and the access scope that follows from it."""

    membership: Membership
    scope: AccessScope
    surface: str  # "web" or "api"

    def may(self, right: Right) -> bool:
        return self.membership.may(right)

    def require(self, right: Right) -> None:
        """Raises PermissionDenied unless the caller's role carries the right."""
        if not self.may(right):
            raise PermissionDenied(f"Your role '{self.membership.role}' does not include '{right.value}'.")


def identify(request: HttpRequest | Request) -> Caller:
    """The caller of a request, by key or by session with its CSRF token.

    Raises NotAuthenticated or AuthenticationFailed without good credentials, PermissionDenied for a
    person who belongs to no tenant. The tenant comes from key or session, never from the body.
    """
    if not isinstance(request, Request):
        request = Request(request, authenticators=[ApiKeyAuthentication(), SessionCredentials()])
    user, key = request.user, request.auth
    if not isinstance(user, User):
        raise NotAuthenticated("Sign in, or send an API key.")
    membership = key.membership if isinstance(key, ApiKey) else find_membership(user, chosen_tenant(request))
    if membership is None:
        raise PermissionDenied("You do not belong to an organisation here. Ask an administrator to add you.")
    surface = "api" if isinstance(key, ApiKey) else "web"
    return Caller(membership=membership, scope=scope_of(membership), surface=surface)


def chosen_tenant(request: HttpRequest | Request) -> UUID | None:
    """The tenant this session chose; None: the person's first."""
    session = getattr(request, "session", None)
    chosen = session.get(TENANT_IN_SESSION) if session is not None else None
    return UUID(chosen) if chosen else None
