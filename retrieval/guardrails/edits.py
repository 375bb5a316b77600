"""Stretches of an answer that may not leave as they are, and the text that comes out without them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from retrieval.values.verdicts import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Characters [start, end) must not leave: MASK writes `replacement` instead, BLOCK ends the answer."""

    start: int
    end: int
    replacement: str
    rule: str
    action: Action = Action.MASK

    def clipped(self, start: int) -> "Edit":
        """The part from `start` on; what lies before it has left already."""
        return self if self.start >= start else replace(self, start=start)

    def moved(self, by: int) -> "Edit":
        return replace(self, start=self.start + by, end=self.end + by)


def disjoint(edits: Iterable[Edit]) -> list[Edit]:
    """Edits in order without overlap: an inner one goes with its outer one, crossing ones join.

    The replacement of an outer edit may repeat text that an inner one wanted gone, so what was edited
    has to be judged again before it leaves.
    """
    merged: list[Edit] = []
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if not merged or edit.start >= merged[-1].end:
            merged.append(edit)
        elif edit.end > merged[-1].end:
            before = merged.pop()
            both = dict.fromkeys((before.replacement, edit.replacement))  # one placeholder, not two alike
            merged.append(replace(before, end=edit.end, replacement="".join(both)))
    return merged


def rewritten(text: str, edits: Sequence[Edit], start: int, end: int) -> str:
    """text[start:end] after the edits, which must be disjoint, in order and inside that stretch."""
    parts: list[str] = []
    for edit in edits:
        parts += (text[start : edit.start], edit.replacement)
        start = edit.end
    return "".join((*parts, text[start:end]))
