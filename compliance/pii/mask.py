"""Personal data out, numbered placeholders in."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from compliance.pii.policy import PiiRules
from compliance.pii.spans import PiiSpan

# Written so that a second pass finds nothing in a placeholder and a reader knows what stood there.
_PLACEHOLDER = re.compile(r"<([A-Z_]+)_(\d{1,6})>")
_SEPARATORS = re.compile(r"[\s().\-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A text with what the rules forbid replaced, and how often each type was replaced."""

    text: str
    counts: dict[str, int]
    blocked_type: str | None  # first type the rules block; None: nothing blocks


def apply(text: str, spans: Sequence[PiiSpan], rules: PiiRules) -> Masked:
    """Replace what the rules mask or block by `<TYPE_n>`; equal values of a type share their number.

    spans: ordered and free of overlaps, as `PiiEngine.find` returns them.
    """
    acted = [span for span in spans if rules.action_for(span.entity_type) != "allow"]
    numbers = _Numbers(text)
    out: list[str] = []
    position = 0
    for span in acted:
        out += text[position : span.start], numbers.placeholder(span.entity_type, text[span.start : span.end])
        position = span.end
    out.append(text[position:])
    return Masked(
        text="".join(out),
        counts=dict(Counter(span.entity_type for span in acted)),
        blocked_type=next((s.entity_type for s in acted if rules.action_for(s.entity_type) == "block"), None),
    )


class _Numbers:
    """Hands out placeholder numbers, none of which stands in the text already."""

    def __init__(self, text: str) -> None:
        self._last: Counter[str] = Counter()
        self._given: dict[tuple[str, str], int] = {}
        for entity_type, number in _PLACEHOLDER.findall(text):
            self._last[entity_type] = max(self._last[entity_type], int(number))

    def placeholder(self, entity_type: str, value: str) -> str:
        key = (entity_type, _comparable(value))
        if key not in self._given:
            self._last[entity_type] += 1
            self._given[key] = self._last[entity_type]
        return f"<{entity_type}_{self._given[key]}>"


def _comparable(value: str) -> str:
    # Separators are how a number is written; in an address they are part of the name.
    return value.casefold() if "@" in value else _SEPARATORS.sub("", value).casefold()
