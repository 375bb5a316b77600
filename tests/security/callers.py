"""Who calls, and with what."""

from django.test import Client

from accounts.database import managing
from accounts.models import ApiKey, Membership
from accounts.roles import Right

BACKEND = "django.contrib.auth.backends.ModelBackend"


def session_of(membership: Membership, **client: bool) -> Client:
    """A browser of somebody who has signed in."""
    browser = Client(**client)
    browser.force_login(membership.user, backend=BACKEND)
    return browser


def key_of(membership: Membership, *scopes: Right) -> Client:
    """A program with a key of hers; with every scope when none is named."""
    with managing(membership.tenant_id):
        _, secret = ApiKey.objects.issue(membership, "test", scopes=scopes or tuple(Right))
    return with_key(secret)


def with_key(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})
