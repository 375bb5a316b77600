"""What a directory wants somebody to be, taken from a resource or from the operations of a PATCH."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accounts.scim.errors import ScimError, invalid_value
from accounts.scim.patch import Operation
from accounts.scim.wire import Resource, named, text, truth

ADDRESS_CHARS_MAX = 254
NAME_CHARS_MAX = 200
EXTERNAL_ID_CHARS_MAX = 200
UNNAMED = "urn:ragsite:unnamed:"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDraft:
    """The attributes of a User that are the directory's to set; None: nothing was said about it.

    There is no role here, no tenant, no ceiling and no password: what else is sent is passed over.
    """

    user_name: str | None = None
    name: str | None = None
    external_id: str | None = None  # empty: it is to have none
    active: bool | None = None

    @classmethod
    def of_resource(cls, resource: Resource) -> "UserDraft":
        """Raises ScimError for a value that cannot be."""
        sent_name, active = resource.get("username"), resource.get("active")
        return cls(
            user_name=None if sent_name is None else text(sent_name, "userName", ADDRESS_CHARS_MAX),
            name=_name(resource),
            external_id=external_id(resource) if "externalid" in resource else None,
            active=None if active is None else truth(active, "active"),
        )

    @classmethod
    def of_operations(cls, operations: Iterable[Operation]) -> "UserDraft":
        """The later of two operations on one attribute holds. Raises ScimError."""
        resource: Resource = {}
        for operation in operations:
            attribute = operation.path.attribute
            if operation.kind == "remove":
                if attribute in ("username", "active"):
                    raise ScimError(400, f"'{attribute}' cannot be removed.", scim_type="mutability")
                resource[attribute] = None
            elif attribute == "groups":
                raise ScimError(400, "'groups' is changed at the group.", scim_type="mutability")
            elif attribute in ("username", "active") and operation.value is None:
                raise invalid_value(f"{attribute} needs a value.")
            else:
                _put(resource, attribute, operation.value)
        return cls.of_resource(resource)


def external_id(resource: Resource) -> str:
    """The directory's own id for a resource; empty where it has none. Raises ScimError."""
    value = resource.get("externalid")
    found = "" if value is None else text(value, "externalId", EXTERNAL_ID_CHARS_MAX)
    if found.startswith(UNNAMED):
        raise invalid_value(f"externalId must not begin with {UNNAMED}.")
    return found


def _put(resource: Resource, attribute: str, value: Any) -> None:
    """Keep a value; one of a part of a name joins the other parts."""
    parent, _, part = attribute.partition(".")
    if parent == "name" and part:
        parts = resource.get("name")
        resource["name"] = {**(parts if isinstance(parts, dict) else {}), part: value}
    else:
        resource[attribute] = value


def _name(resource: Resource) -> str | None:
    """What she is called: the display name, else the whole name, else its two parts if both are there."""
    if "displayname" in resource:
        return _part(resource, "displayname")
    sent = resource.get("name")
    if not isinstance(sent, dict):
        return None
    parts = named(sent)
    if parts.get("formatted"):
        return _part(parts, "formatted")
    if parts.get("givenname") and parts.get("familyname"):
        whole = f"{_part(parts, 'givenname')} {_part(parts, 'familyname')}"
        return text(whole, "name", NAME_CHARS_MAX)
    return None


def _part(resource: Resource, attribute: str) -> str:
    value = resource[attribute]
    return "" if value is None else text(value, attribute, NAME_CHARS_MAX)
