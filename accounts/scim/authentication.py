"""Whose key a directory came with, and whether it may keep this tenant's people."""

from django.http import HttpRequest

from accounts.events import tell
from accounts.models import ApiKey
from accounts.roles import Right
from accounts.scim.errors import ScimError

REFUSED = "scim.refused"
SCHEME = "bearer"
SECRET_CHARS_MAX = 200


def authenticate(request: HttpRequest, slug: str) -> ApiKey:
    """The key, of the tenant in the path and with the right to provision.

    Raises ScimError, the same for every reason: a key must not learn which other tenants there are.
    """
    key = _key_of(request)
    if key is not None and key.membership.tenant.slug == slug and Right.PROVISION in key.rights:
        return key
    if "Authorization" in request.headers:
        _tell(request, key)
    raise ScimError(401, "This API key is not valid here.", rule="key")


def _tell(request: HttpRequest, key: ApiKey | None) -> None:
    """To the tenant whose key it was; the one in the path must not be flooded by strangers."""
    details = {"rule": "key", "method": request.method}
    tell(
        REFUSED,
        tenant_id=key.membership.tenant_id if key else None,
        actor_id=key.membership.user_id if key else None,
        outcome="refused",
        details=details | ({"key": key.pk} if key else {}),
    )


def _key_of(request: HttpRequest) -> ApiKey | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != SCHEME or not (0 < len(secret) <= SECRET_CHARS_MAX and secret.isprintable()):
        return None
    return ApiKey.objects.find(secret, request.META.get("REMOTE_ADDR") or None)
