"""Citation marks in an answer: [3] must have a third passage to point to."""

import re
from collections.abc import Iterator

from retrieval.guardrails.edits import Edit

# At most three digits, so that years in brackets are left alone; "[1, 2]", "[1; 2]" and "[1-3]" are known.
_MARK = re.compile(
    r"(?P<before>[ \t]?)\[(?P<numbers>\d{1,3}(?:\s?[,;\u2013-]\s?\d{1,3}){0,20})\]"
    r"(?P<target>\(#[\w-]{0,40}\))?"
)
_SEPARATOR = re.compile(r"\s?([,;\u2013-])\s?")
_CLOSES_SENTENCE = frozenset(" \t\n.,;:!?)")


def unknown_citations_in(text: str, passages: int) -> Iterator[Edit]:
    """Marks, or numbers in marks, outside 1 to `passages`; the rest of a list keeps its place."""
    for match in _MARK.finditer(text):
        kept = _known(match["numbers"], passages)
        if kept == match["numbers"]:
            continue
        if kept:
            start, replacement = match.start() + len(match["before"]), f"[{kept}]{match['target'] or ''}"
        else:
            closes = text[match.end() : match.end() + 1] in _CLOSES_SENTENCE or match.end() == len(text)
            start, replacement = match.start(), "" if closes else " "
        yield Edit(start=start, end=match.end(), replacement=replacement, rule="citation.unknown")


def _known(numbers: str, passages: int) -> str:
    """The list without the numbers that point nowhere, "" when none is left; a range counts as a whole."""
    if re.search(r"[\u2013-]", numbers):
        ends = [int(number) for number in re.findall(r"\d+", numbers)]
        return numbers if all(1 <= end <= passages for end in ends) else ""
    parts = _SEPARATOR.split(numbers)
    known = [part for part in parts[::2] if 1 <= int(part) <= passages]
    return numbers if len(known) == len(parts[::2]) else ", ".join(known)
