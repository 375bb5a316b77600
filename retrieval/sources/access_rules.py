"""Who may read what, as a source's own files and rules say it. What cannot be read says: nobody."""

import tomllib
from collections.abc import Iterable
from typing import Any

from retrieval.errors import SourceRefused
from retrieval.sources.values import INHERIT, PRIVATE, ExternalAccess

NAMES_MAX = 1_000
INHERITS = "inherit"
RULE_HELP = "One a line, such as: finance/ = Finance, ada@example.org. After the = also: inherit."


def access_of_file(content: bytes) -> ExternalAccess:
    """What a `.ragsite-access` file says; nobody, where it is not exactly of the form it has.

    The file is TOML: `access = "inherit"`, or `access = "only"` with `people` and `groups`, lists of
    addresses and of groups' names or directory ids.
    """
    try:
        said = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return PRIVATE
    if said == {"access": INHERITS}:
        return INHERIT
    if said.get("access") != "only" or not said.keys() <= {"access", "people", "groups"}:
        return PRIVATE
    people, groups = said.get("people", []), said.get("groups", [])
    return only(people, groups) if names(people) and names(groups) else PRIVATE


def names(said: Any) -> bool:
    return isinstance(said, list) and len(said) <= NAMES_MAX and all(isinstance(name, str) for name in said)


def only(people: Iterable[str], groups: Iterable[str]) -> ExternalAccess:
    return ExternalAccess(
        people=frozenset(name.strip().lower() for name in people if name.strip()),
        groups=frozenset(name.strip() for name in groups if name.strip()),
    )


def parse_rules(lines: Iterable[str], field: str = "rules") -> dict[str, ExternalAccess]:
    """Who reads what begins with each prefix, from lines such as `finance/ = Finance, ada@example.org`.

    Raises SourceRefused for a line that is not of this form, and for a prefix said twice.
    """
    rules: dict[str, ExternalAccess] = {}
    for line in lines:
        prefix, equals, who = (part.strip() for part in line.rpartition("="))
        listed = [name.strip() for name in who.split(",") if name.strip()]
        if not equals or not listed or prefix in rules:
            raise SourceRefused(f"'{line[:80]}' is no rule. {RULE_HELP}", field)
        people = [name for name in listed if "@" in name]
        alone = listed == [INHERITS]
        rules[prefix] = INHERIT if alone else only(people, [name for name in listed if "@" not in name])
    return rules


def longest_rule(rules: dict[str, ExternalAccess], key: str, otherwise: ExternalAccess) -> ExternalAccess:
    """What the most particular rule says of a key."""
    found = max((prefix for prefix in rules if key.startswith(prefix)), key=len, default=None)
    return otherwise if found is None else rules[found]
