"""Where personal data stands in a text, and which of several overlapping readings holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# Strongest reading first: an overlap is decided by the place in this list, because Presidio itself
# hands out overlapping types. Identifiers with a checksum or a fixed form come before loose ones.
ENTITY_TYPES = (
    "CREDIT_CARD",
    "IBAN_CODE",
    "CRYPTO",
    "EMAIL_ADDRESS",
    "US_ITIN",
    "US_SSN",
    "US_MBI",
    "UK_NINO",
    "UK_DRIVING_LICENCE",
    "UK_NHS",
    "US_NPI",
    "ABA_ROUTING_NUMBER",
    "US_PASSPORT",
    "UK_PASSPORT",
    "US_HEALTH_INSURANCE_MEMBER_ID",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "PHONE_NUMBER",
    "DATE_TIME",
    "URL",
)
WEAKEST_TYPES = frozenset({"DATE_TIME", "URL"})  # never win against any other type
CONFIRMED_SCORE = 0.7  # reached by a checksum or a context word; goes before an unconfirmed reading

PIECE_CHARS = 5_000  # recognisers and their context search grow faster than the text
PIECE_OVERLAP_CHARS = 400  # twice the longest entity that must survive a cut

_RANK = {entity_type: rank for rank, entity_type in enumerate(ENTITY_TYPES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiSpan:
    """One piece of personal data: character offsets, end exclusive, and the type it was read as."""

    start: int
    end: int
    entity_type: str  # one of ENTITY_TYPES
    score: float  # 0 to 1

    def moved(self, by: int) -> "PiiSpan":
        return replace(self, start=self.start + by, end=self.end + by)


def without_conflicts(spans: Iterable[PiiSpan]) -> list[PiiSpan]:
    """The spans that hold when each overlap goes to its strongest reading, in order of the text."""
    kept: list[PiiSpan] = []
    end = 0
    for group in _overlapping_groups(sorted(spans, key=lambda span: span.start)):
        for span in sorted(group, key=_strength):
            if all(span.end <= other.start or span.start >= other.end for other in kept[end:]):
                kept.append(span)
        end = len(kept)
    return sorted(kept, key=lambda span: span.start)


def _overlapping_groups(ordered: list[PiiSpan]) -> Iterator[list[PiiSpan]]:
    group: list[PiiSpan] = []
    reach = -1
    for span in ordered:
        if group and span.start >= reach:
            yield group
            group = []
        group.append(span)
        reach = max(reach, span.end)
    if group:
        yield group


def _strength(span: PiiSpan) -> tuple[bool, bool, int, int, int]:
    weakest = span.entity_type in WEAKEST_TYPES
    unconfirmed = span.score < CONFIRMED_SCORE
    return (weakest, unconfirmed, _RANK[span.entity_type], span.start - span.end, span.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a long text. It answers for the spans that begin in [owned_from, owned_to) of it."""

    text: str
    offset: int  # of the piece in the whole text
    owned_from: int
    owned_to: int


def pieces(text: str) -> Iterator[Piece]:
    """Cut a text into overlapping pieces, so that an entity at a cut is whole in one of them."""
    half = PIECE_OVERLAP_CHARS // 2
    step = PIECE_CHARS - PIECE_OVERLAP_CHARS
    for offset in range(0, max(len(text) - PIECE_OVERLAP_CHARS, 1), step):
        last = offset + PIECE_CHARS >= len(text)
        yield Piece(
            text=text[offset : offset + PIECE_CHARS],
            offset=offset,
            owned_from=half if offset else 0,
            owned_to=PIECE_CHARS if last else PIECE_CHARS - half,
        )
