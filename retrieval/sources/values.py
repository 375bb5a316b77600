"""What a connector tells of its place, piece by piece."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccess:
    """Who may read a document where it comes from. Nobody, unless it is said.

    inherits: whoever may read the collection. people: addresses. groups: a directory's ids, or names.
    """

    inherits: bool = False
    people: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


INHERIT = ExternalAccess(inherits=True)
# Also for what cannot be determined: nobody reads it until somebody here grants it.
PRIVATE = ExternalAccess()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalDocument:
    """A document that is there now.

    external_id: stays the same as long as it is the same document, at most 1,024 bytes. name: a path, its
    parts separated by "/", unlike any other's. version: changes when the content does. `open` is called
    once at most, and only before the next change is asked for.
    """

    external_id: str
    name: str
    version: str
    access: ExternalAccess
    open: Callable[[], AbstractContextManager[BinaryIO]] = field(compare=False)
    size: int | None = None  # in bytes, where it is known beforehand


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """A document that is no longer there; for connectors that do not list everything."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that is there and cannot be told of now, with a sentence why. What is here of it stays."""

    external_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What to hand in next time. It counts once the listing has ended whole."""

    cursor: dict[str, Any]


Change = ExternalDocument | Vanished | Skipped | Checkpoint
