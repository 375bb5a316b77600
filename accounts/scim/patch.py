"""The operations of a PATCH (RFC 7644, 3.5.2), in the forms that directories really send them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accounts.scim.errors import ScimError
from accounts.scim.grammar import GrammarError, Path, parse_path
from accounts.scim.wire import PATCH, Resource, named

OPERATIONS_MAX = 5000
READ_ONLY = frozenset({"id", "schemas", "meta"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One change of one attribute; `value` is None where none was sent."""

    kind: str  # "add", "replace" or "remove"
    path: Path
    value: Any


def read_operations(body: Resource) -> list[Operation]:
    """In the order they came; operations without a path are taken apart by attribute. Raises ScimError."""
    schemas = body.get("schemas")
    if not isinstance(schemas, list) or PATCH not in schemas:
        raise _syntax(f"A PATCH has the schema {PATCH}.")
    sent = body.get("operations")
    if not isinstance(sent, list) or not 0 < len(sent) <= OPERATIONS_MAX:
        raise _syntax(f"A PATCH has a list of 1 to {OPERATIONS_MAX} Operations.")
    return [operation for each in sent for operation in _read(each)]


def _read(sent: object) -> Iterator[Operation]:
    operation = named(sent) if isinstance(sent, dict) else {}
    kind = operation.get("op")
    kind = kind.lower() if isinstance(kind, str) else ""
    if kind not in ("add", "replace", "remove"):
        raise _syntax("An operation's op is add, replace or remove.")
    path, value = operation.get("path"), operation.get("value")
    if path:
        yield _addressed(kind, path, value)
    elif isinstance(value, dict):
        # What is read-only comes along in a resource sent back, and is passed over there.
        for name, part in named(value).items():
            if name not in READ_ONLY:
                yield Operation(kind=kind, path=_path(name), value=part)
    else:
        keyword = "noTarget" if kind == "remove" else "invalidSyntax"
        raise ScimError(400, "An operation without a path has an object of attributes.", scim_type=keyword)


def _addressed(kind: str, path: object, value: Any) -> Operation:
    found = _path(path)
    if found.attribute in READ_ONLY:
        raise ScimError(400, f"'{found.attribute}' is not for the client to change.", scim_type="mutability")
    return Operation(kind=kind, path=found, value=value)


def _path(path: object) -> Path:
    try:
        return parse_path(path if isinstance(path, str) else "")
    except GrammarError as error:
        raise ScimError(400, f"A path cannot be read: {error}.", scim_type="invalidPath") from None


def _syntax(detail: str) -> ScimError:
    return ScimError(400, detail, scim_type="invalidSyntax")
