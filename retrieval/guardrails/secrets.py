"""Credentials in a text: keyword, then pattern, then randomness, then what is known to be an example."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from retrieval.guardrails.edits import Edit
from retrieval.guardrails.secret_patterns import SECRET_RULES, SecretRule
from retrieval.values.verdicts import Action

PLACEHOLDER = "<SECRET>"

# Words and shapes that documentation puts where a credential goes.
_EXAMPLE = re.compile(
    r"example|change[_-]?me|place[_-]?holder|your[_-]|dummy|redacted|\.\.\.|\*{3}|x{5}|0{8}|12345678|insert[_-]"
    r"|^[$%{<(\[]|^(?:none|null|true|false|undefined|required|password|secret)$",
    re.IGNORECASE,
)
# A call or a look-up reads a secret and is none; "12-character" and "case-sensitive" describe one.
_NO_VALUE = re.compile(r"^[A-Za-z_][\w.]*[(\[]|^\d*-?[A-Za-z]+(?:[-/'][A-Za-z]+)*[.,;:!?)]*$")

_SYMBOLS = frozenset("!@#$%^&*+=~")


def secrets_in(text: str, actions: Mapping[str, Action] | None = None) -> Iterator[Edit]:
    """Every credential in the text, as an edit of its value; rules are named "secret.<kind>".

    actions: what to do about a kind, by its bare name, where it differs from the rule's own choice.
    """
    lowered = text.lower()
    for rule in SECRET_RULES:
        if not any(keyword in lowered for keyword in rule.keywords):
            continue
        action = (actions or {}).get(rule.name, rule.action)
        for start, end in _values(rule, text):
            yield Edit(
                start=start, end=end, replacement=PLACEHOLDER, rule=f"secret.{rule.name}", action=action
            )


def _values(rule: SecretRule, text: str) -> Iterator[tuple[int, int]]:
    group = "value" if "value" in rule.pattern.groupindex else 0
    for match in rule.pattern.finditer(text):
        if _is_secret(rule, match[group]):
            yield match.span(group)


def _is_secret(rule: SecretRule, value: str) -> bool:
    if rule.action is Action.BLOCK:
        return True
    if _EXAMPLE.search(value) or (rule.mixed and _NO_VALUE.match(value)):
        return False
    if rule.mixed and not any(c.isdigit() or c in _SYMBOLS for c in value):
        return False
    return entropy(value) >= rule.entropy_min


def entropy(text: str) -> float:
    """Shannon entropy in bits a character; 0.0 for the empty text."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
