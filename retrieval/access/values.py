"""What a grant is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from accounts.roles import Right
from retrieval.models import Collection, Document

Target = Collection | Document
Kind = Literal["user", "group"]


class Permission(StrEnum):
    """What a grant lets one do with a collection or document. Each of the others takes `view` along."""

    VIEW = "view"
    CHANGE = "change"
    SHARE = "share"
    DELETE = "delete"


# The right of a role that covers a permission in the whole tenant. Nothing covers reading.
COVERED_BY = {
    Permission.CHANGE: Right.EDIT_DOCUMENTS,
    Permission.DELETE: Right.EDIT_DOCUMENTS,
    Permission.SHARE: Right.GRANT_ACCESS,
}

# What somebody holds on one object and until when; None: without an end.
Ends = Mapping[Permission, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grantee:
    """A person or group; the name is for people to read and identifies nobody."""

    kind: Kind
    id: int
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One row of guardian's."""

    id: int
    grantee: Grantee
    permission: Permission
    expires_at: datetime | None
    on: Literal["collection", "document"]
    object_id: UUID

    @property
    def number(self) -> str:
        """Its name in addresses: people's and groups' grants are numbered apart."""
        return f"{self.grantee.kind}-{self.id}"


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two ends; None never comes."""
    ends = [end for end in (one, other) if end is not None]
    return min(ends, default=None)


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


def after_granting(held: Ends, permission: Permission, end: datetime | None) -> Ends:
    """What is held once `permission` is granted until `end`: nothing outlives `view`."""
    if permission is Permission.VIEW:
        return {other: earlier(until, end) for other, until in held.items()} | {Permission.VIEW: end}
    view = later(held[Permission.VIEW], end) if Permission.VIEW in held else end
    return {**held, permission: end, Permission.VIEW: view}


def after_revoking(held: Ends, permission: Permission) -> Ends:
    """What is left: without `view` nothing."""
    if permission is Permission.VIEW:
        return {}
    return {other: until for other, until in held.items() if other is not permission}
