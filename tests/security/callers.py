"""Who calls, and with what."""

from collections.abc import Iterable

from django.test import Client

from accounts.database import managing
from accounts.models import ApiKey, Membership, Tenant, User
from accounts.roles import Right, Role
from tests.factories import a_member, a_tenant
from tests.security.scene import Scene

BACKEND = "django.contrib.auth.backends.ModelBackend"


def session_of(membership: Membership, **client: bool) -> Client:
    """A browser of somebody who has signed in."""
    browser = Client(**client)  # type: ignore[arg-type]  # passed through
    browser.force_login(membership.user, backend=BACKEND)
    return browser


def secret_of(membership: Membership, scopes: Iterable[Right] = tuple(Right)) -> str:
    with managing(membership.tenant_id):
        _, secret = ApiKey.objects.issue(membership, "test", scopes=scopes)
    return secret


def key_of(membership: Membership, scopes: Iterable[Right] = tuple(Right)) -> Client:
    """A program with a key of hers, with every scope unless told otherwise."""
    return with_key(secret_of(membership, scopes))


def with_key(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


# Each form of credential, made for a membership. A new form of credential is a line here.
CREDENTIALS = {"session": session_of, "key": key_of}

# Each way a person or her tenant is put out of action, and what is written for it.
PUT_OUT = {
    "account off": lambda who: User.objects.filter(pk=who.user_id).update(is_active=False),
    "membership off": lambda who: Membership.objects.filter(pk=who.pk).update(is_active=False),
    "tenant suspended": lambda who: Tenant.objects.filter(pk=who.tenant_id).update(
        state=Tenant.State.SUSPENDED
    ),
}


def an_outsider() -> Membership:
    """An owner of another tenant, who may do everything there."""
    member = a_member(a_tenant(), role=Role.OWNER)
    User.objects.filter(pk=member.user_id).update(is_staff=True)
    member.user.refresh_from_db()
    return member


def a_second_owner(scene: Scene) -> Membership:
    """So that the first may be put out of action."""
    return a_member(scene.tenant, role=Role.OWNER)
