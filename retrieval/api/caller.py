"""Who calls: a person in a browser or a program with a key, always inside exactly one tenant."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from accounts.break_glass import note_reading
from accounts.browsing import TENANT_IN_SESSION
from accounts.models import ApiKey, Membership, User
from accounts.resolve import find_membership, scope_of
from accounts.roles import Right
from accounts.scope import AccessScope, Credential
from retrieval.api.authentication import ApiKeyAuthentication, SessionCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A membership in force, by session or by key, and what follows from it."""

    membership: Membership
    scope: AccessScope
    credential: Credential
    rights: frozenset[Right]  # the role's; of a key only those among its scopes
    cap: frozenset[Right] | None = None  # a key's scopes, which hold back grants too; None: a session

    @property
    def surface(self) -> str:
        return "api" if self.credential.key_id is not None else "web"

    def may(self, right: Right) -> bool:
        return right in self.rights

    def require(self, right: Right) -> None:
        """Raises PermissionDenied unless the role carries the right, and the key where one was used."""
        if self.may(right):
            return
        if self.membership.may(right):
            raise PermissionDenied(f"This API key's scopes do not include '{right.value}'.")
        raise PermissionDenied(f"Your role '{self.membership.role_name}' does not include '{right.value}'.")


def caller_by_session(request: HttpRequest | Request, membership: Membership) -> Caller:
    note_reading(request, membership)
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    return Caller(
        membership=membership,
        scope=scope_of(membership),
        credential=Credential(user_id=membership.user_id, session_key=session_key),
        rights=membership.rights,
    )


def caller_by_key(key: ApiKey) -> Caller:
    return Caller(
        membership=key.membership,
        scope=scope_of(key.membership, key),
        credential=Credential(user_id=key.membership.user_id, key_id=key.pk),
        rights=key.rights,
        cap=Right.known(key.scopes),
    )


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
    if isinstance(key, ApiKey):
        return caller_by_key(key)
    membership = find_membership(user, chosen_tenant(request))
    if membership is None:
        raise PermissionDenied("You do not belong to an organisation here. Ask an administrator to add you.")
    return caller_by_session(request, membership)


def chosen_tenant(request: HttpRequest | Request) -> UUID | None:
    """The tenant this session chose; None: the person's first."""
    session = getattr(request, "session", None)
    chosen = session.get(TENANT_IN_SESSION) if session is not None else None
    return UUID(chosen) if chosen else None
