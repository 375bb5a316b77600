"""Resources on the wire: what comes is checked value by value, what goes is cut to what was asked for."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse

from accounts.scim.errors import ScimError, invalid_value
from accounts.scim.grammar import attribute_name

MEDIA_TYPE = "application/scim+json"
MEDIA_TYPES = frozenset({MEDIA_TYPE, "application/json"})
BODY_BYTES_MAX = 1024 * 1024
PAGE_DEFAULT = 100
PAGE_MAX = 200

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

Resource = dict[str, Any]


def answer(body: Resource, status: int = 200, **headers: str) -> JsonResponse:
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE, headers=headers)


def answer_error(error: ScimError) -> JsonResponse:
    body = {"schemas": [ERROR], "status": str(error.status), "detail": error.detail}
    return answer(body | ({"scimType": error.scim_type} if error.scim_type else {}), error.status)


def read_body(request: HttpRequest) -> Resource:
    """The request's JSON object with its attributes' names in lower case; raises ScimError."""
    if request.content_type not in MEDIA_TYPES:
        raise ScimError(415, f"Send {MEDIA_TYPE}.", rule="media_type")
    try:
        raw = request.body
    except RequestDataTooBig:
        raw = b" " * (BODY_BYTES_MAX + 1)
    if len(raw) > BODY_BYTES_MAX:
        raise ScimError(413, f"A request may have {BODY_BYTES_MAX} bytes; split it.", rule="body_size")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ScimError(400, "The body must be one JSON object.", scim_type="invalidSyntax")
    return named(body)


def named(resource: Mapping[str, Any]) -> Resource:
    """With the attributes' names as we compare them; they are case-insensitive (RFC 7643, 2.1)."""
    return {attribute_name(name): value for name, value in resource.items()}


def text(value: object, name: str, chars_max: int) -> str:
    """A string fit for a column: trimmed, of bounded length and without control characters."""
    if not isinstance(value, str):
        raise invalid_value(f"{name} must be a string.")
    value = value.strip()
    if len(value) > chars_max:
        raise invalid_value(f"{name} may have {chars_max} characters.")
    if not is_clean(value):
        raise invalid_value(f"{name} must not contain control characters.")
    return value


def is_clean(value: str) -> bool:
    """Whether it has neither control characters, which the database may refuse, nor half a surrogate pair."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in value)


def truth(value: object, name: str) -> bool:
    """A boolean; a large identity provider sends it as the string "True" or "False"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise invalid_value(f"{name} must be true or false.")


def number(value: str) -> int | None:
    """The id that a string is; None for anything that can be nobody's."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is wanted; `first` counts from 1 (RFC 7644, 3.4.2.4)."""

    first: int
    count: int

    @classmethod
    def of(cls, request: HttpRequest) -> "Page":
        return cls(
            first=max(1, _whole(request, "startIndex", 1)),
            count=min(PAGE_MAX, max(0, _whole(request, "count", PAGE_DEFAULT))),
        )

    @property
    def bounds(self) -> slice:
        return slice(self.first - 1, self.first - 1 + self.count)

    def answer(self, total: int, resources: Sequence[Resource]) -> JsonResponse:
        return answer(
            {
                "schemas": [LIST],
                "totalResults": total,
                "startIndex": self.first,
                "itemsPerPage": len(resources),
                "Resources": list(resources),
            }
        )


def _whole(request: HttpRequest, name: str, default: int) -> int:
    value = request.GET.get(name, "")
    if not value:
        return default
    magnitude = number(value.removeprefix("-"))
    if magnitude is None:
        raise invalid_value(f"{name} must be a whole number.")
    return -magnitude if value.startswith("-") else magnitude


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Which attributes the client wants back (RFC 7644, 3.9); `id` and `schemas` always are."""

    only: frozenset[str]
    without: frozenset[str]

    @classmethod
    def of(cls, request: HttpRequest) -> "Projection":
        return cls(only=_names(request, "attributes"), without=_names(request, "excludedAttributes"))

    def wants(self, attribute: str) -> bool:
        name = attribute.lower()
        return name in ("id", "schemas") or (name in self.only if self.only else name not in self.without)

    def of_resource(self, resource: Resource) -> Resource:
        return {name: value for name, value in resource.items() if self.wants(name)}


def _names(request: HttpRequest, parameter: str) -> frozenset[str]:
    """Top-level names: whoever wants or spares a part of an attribute is served by the whole of it."""
    listed = [
        attribute_name(name.strip()) for name in request.GET.get(parameter, "").split(",") if name.strip()
    ]
    if parameter == "excludedAttributes":
        listed = [name for name in listed if "." not in name]
    return frozenset(name.partition(".")[0] for name in listed)
