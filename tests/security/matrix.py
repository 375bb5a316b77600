"""From a line of the table to requests, and from the resolver and the schema to what must have a line."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from tests.security.cases import CASES, MARK, PUBLIC_PREFIXES, Case, path_id
from tests.security.scene import Scene, absent_like

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, as far as a caller can tell one from another."""

    status: int
    body: str
    location: str
    headers: tuple[str, ...]


# --- Calling --------------------------------------------------------------------------------------


def send(client: Client, case: Case, ids: Mapping[str, object], **extra: Any) -> Any:
    """Call the case with these ids in path, query and body."""
    path = "/" + PARAMETER.sub(lambda found: str(ids[path_id(case.route, found[2])]), case.route)
    query = {name: filled(value, ids) for name, value in case.query.items()}
    body = filled(case.body, ids)
    if case.method == "GET":
        return client.get(path, query, **extra)
    if case.form:
        sent = {k: ContentFile(b"words", name="words.txt") if v == "<file>" else v for k, v in body.items()}
        return client.post(path, sent, **extra)
    return client.generic(
        case.method,
        path,
        json.dumps(body or {}),
        content_type="application/json",
        QUERY_STRING=as_query(query),
        **extra,
    )


def as_query(query: Mapping[str, Any]) -> str:
    from django.utils.http import urlencode

    return urlencode(query, doseq=True)


def filled(value: Any, ids: Mapping[str, object]) -> Any:
    """The value with every mark replaced; a lone mark keeps the id's type where JSON has one for it."""
    if isinstance(value, Mapping):
        return {key: filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    if isinstance(value, str) and (lone := MARK.fullmatch(value)):
        found = ids[lone[1]]
        return found if isinstance(found, int) else str(found)
    return value


def absent_ids(scene: Scene) -> dict[str, object]:
    return {name: absent_like(identity) for name, identity in scene.ids.items()}


def answer_of(response: Any, ids: Mapping[str, object]) -> Answer:
    """With ids sent, request ids and one-time tokens made alike, byte for byte."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    replace = [pair for name, identity in ids.items() for pair in ways_to_write(str(identity), name)]
    if request_id := response.headers.get("X-Request-ID"):
        replace.append((request_id, "<request>"))
    text, location = body.decode(), response.headers.get("Location", "")
    for before, after in replace:
        text, location = text.replace(before, after), location.replace(before, after)
    text = re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1<token>", text)
    return Answer(
        status=response.status_code,
        body=text,
        location=location,
        headers=tuple(sorted(name for name in response.headers if name not in ("Content-Length", "Vary"))),
    )


def ways_to_write(identity: str, name: str) -> list[tuple[str, str]]:
    """A short number stands in many a text by chance; it is an id in an address and in quotes only.

    Two tables may have got to the same number, so of those it is not told which.
    """
    if len(identity) > 8:
        return [(identity, f"<{name}>")]
    # Without its name: two kinds of things may well have the same number.
    return [
        (f"/{identity}/", "/<number>/"),
        (f"“{identity}”", "“<number>”"),
        (f"%3D{identity}%26", "%3D<number>%26"),
    ]


def leaked(scene: Scene, response: Any, sent: Mapping[str, object]) -> list[str]:
    """Words and ids of the victim in body or headers, save for what was sent."""
    text = response.content.decode() + "\n".join(f"{k}: {v}" for k, v in response.headers.items())
    known = {str(identity) for identity in sent.values()}
    ids = [str(identity) for identity in scene.ids.values() if len(str(identity)) > 8]
    return [word for word in (*scene.words, *ids) if word in text and word not in known]


# --- What there is --------------------------------------------------------------------------------


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def own_routes() -> set[str]:
    """Every route but the admin's and those of public prefixes."""
    return {
        route
        for route in routes()
        if not route.startswith("admin/") and not any(route.startswith(each) for each in PUBLIC_PREFIXES)
    }


def methods_of(client: Client, route: str) -> set[str]:
    """The methods a route answers otherwise than with 405, asked of it by somebody who is let in."""
    ids = {"uuid": "00000000-0000-4000-8000-000000000000", "int": "900000001", "grant": "group-900000001"}
    path = "/" + PARAMETER.sub(lambda found: ids.get(found[1] or "str", "nothing"), route)
    return {
        method
        for method in METHODS
        if client.generic(method, path, "{}", content_type="application/json").status_code != 405
    }


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return described


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, route with bare parameters, description) of each published operation."""
    for path, methods in schema()["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path.lstrip("/"), described


def bare(route: str) -> str:
    return PARAMETER.sub(r"{\2}", route)


def id_parameters(described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(where, name) of each parameter that names something: in query or body, alone or in an array."""
    for parameter in described.get("parameters", []):
        if parameter["in"] == "query" and is_id(parameter["name"], parameter["schema"]):
            yield "query", parameter["name"]
    for media in described.get("requestBody", {}).get("content", {}).values():
        for name, property_ in resolved(media["schema"]).get("properties", {}).items():
            if is_id(name, property_) or is_id(name, resolved(property_).get("items", {})):
                yield "body", name


def is_id(name: str, described: dict[str, Any]) -> bool:
    return resolved(described).get("format") == "uuid" or bool(re.search(r"(^|_)(id|ids|pk)$", name))


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in described:
        name = described["$ref"].rsplit("/", 1)[-1]
        return dict(schema()["components"]["schemas"][name])
    return described


def sends(case: Case, where: str, name: str) -> bool:
    values = case.query if where == "query" else case.body or {}
    return "{" in json.dumps(values.get(name, ""))


def cases_of(method: str, route: str) -> list[Case]:
    return [case for case in CASES if case.method == method and bare(case.route) == route]
