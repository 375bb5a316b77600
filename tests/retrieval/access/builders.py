"""Who acts in the tests of access, and time that has passed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from accounts.models import Group, Membership, User
from accounts.resolve import scope_of
from accounts.roles import Right
from accounts.scope import AccessScope
from retrieval.access.grants import grant
from retrieval.access.values import Grantee, Permission, Target


@dataclass(frozen=True, kw_only=True)
class Somebody:
    """An actor as the doors make one: by session, or by a key with some scopes."""

    membership: Membership
    scope: AccessScope
    rights: frozenset[Right]
    cap: frozenset[Right] | None = None


def acting(membership: Membership, cap: frozenset[Right] | None = None) -> Somebody:
    rights = membership.rights if cap is None else membership.rights & cap
    return Somebody(membership=membership, scope=scope_of(membership), rights=rights, cap=cap)


def to(reader: Membership | Group | User) -> Grantee:
    if isinstance(reader, Membership):
        return Grantee(kind="user", id=reader.user_id)
    return Grantee(kind="group" if isinstance(reader, Group) else "user", id=reader.pk)


def grant_that_ended(target: Target, grantee: Grantee, permission: Permission = Permission.VIEW) -> datetime:
    """Grant for a moment and wait, in the database, until it has passed. Needs real commits."""
    end = timezone.now() + timedelta(milliseconds=150)
    grant(target, grantee, permission, end)
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep_until(%s)", [end])
    return end
