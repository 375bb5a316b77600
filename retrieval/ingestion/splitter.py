"""Cuts a parsed document into pieces that fit the encoder, each with its place in the text."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from retrieval.ingestion.cutting import (
    BODY_TOKENS,
    CONTEXT_TOKENS_MAX,
    PIECE_CHARS_MAX,
    Counter,
    Cutter,
    said_once,
)
from retrieval.ingestion.cutting import HEADING_SEPARATOR as _HEADING_SEPARATOR
from retrieval.ingestion.parsed import (
    TABLE,
    TEXT,
    ParsedBlock,
    ParsedDocument,
    Region,
    Section,
    frames_of,
)

__all__ = ["BODY_TOKENS", "OVERLAP_TOKENS", "PIECE_CHARS_MAX", "PieceOfText", "Splitter", "split"]

OVERLAP_TOKENS = 24  # about one sentence, so that one cut in two is found from either side
_COUNTED_CHARS = 4_000  # a longer section is no small neighbour, whatever the rest of it counts


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOfText:
    """A stretch of a document, ready to be embedded.

    text is the document's text from start_char to end_char; embedding_text puts title, headings and, inside
    a table, its header before it.
    """

    ordinal: int  # from 0, in reading order
    start_char: int
    end_char: int  # exclusive
    heading_path: str  # outermost first, joined by " > "; "" above the first heading
    page: int | None  # where it starts; None where the format has no pages
    text: str
    embedding_text: str
    section: int = 0  # pieces with the same number were cut from one section
    kind: str = TEXT  # of the section it starts in
    table_header: str = ""  # what to show above text cut from inside a table; "" where text says it
    regions: tuple[Region, ...] = ()  # lines on pages that it covers at least in part


@dataclass(frozen=True, slots=True)
class _Span:
    """Neighbouring sections that are cut as one."""

    heading_path: tuple[str, ...]
    start: int
    end: int
    tokens: int
    deepest: int  # length of the longest heading path inside
    kind: str
    table_header: str


def split(
    parsed: ParsedDocument, tokenizer: Tokenizer, *, tokens_max: int = 256, overlap: int = OVERLAP_TOKENS
) -> list[PieceOfText]:
    """Cut one document, as `Splitter` does; for many documents keep one `Splitter`."""
    return Splitter(tokenizer, tokens_max=tokens_max, overlap=overlap).split(parsed)


class Splitter:
    """Cuts documents for one encoder; building one takes a tenth of a second, so keep it.

    tokenizer: the encoder's own; any truncation and padding in it is ignored here.
    tokens_max: what one embedding_text may have, special tokens included.
    overlap: tokens that a piece may repeat of the piece before it, at least 0.

    Raises ValueError when tokens_max leaves no room for text or overlap is negative.
    """

    def __init__(self, tokenizer: Tokenizer, *, tokens_max: int = 256, overlap: int = OVERLAP_TOKENS) -> None:
        if overlap < 0:
            raise ValueError("overlap must not be negative")
        self._counter = Counter(tokenizer, tokens_max)
        self._cutter = Cutter(self._counter, overlap)

    def split(self, parsed: ParsedDocument) -> list[PieceOfText]:
        """Pieces in reading order that together hold all text; large sections are never mixed."""
        blocks = (frame for frame in frames_of(parsed) if isinstance(frame, ParsedBlock))
        return list(self.pieces(blocks, parsed.title))

    def pieces(self, blocks: Iterable[ParsedBlock], title: str) -> Iterator[PieceOfText]:
        """Pieces of a document as its blocks come, one block held at a time; the same for the same blocks."""
        ordinal = section = 0
        for block in blocks:
            for span in self._joined(self._spans(block)):
                for piece in self._of(span, block, title):
                    yield replace(piece, ordinal=ordinal, section=section)
                    ordinal += 1
                section += 1

    def _spans(self, block: ParsedBlock) -> Iterator[_Span]:
        """Sections with pages under one heading put together: a page's end is no end of thought."""
        merged: list[Section] = []
        for section in block.sections:
            if merged and _alike(merged[-1], section):
                merged[-1] = replace(merged[-1], end_char=section.end_char)
            else:
                merged.append(section)
        at = block.start_char
        counts = self._counter.counts(
            [
                block.text[section.start_char - at : section.end_char - at][:_COUNTED_CHARS]
                for section in merged
            ]
        )
        for section, tokens in zip(merged, counts, strict=True):
            path = section.heading_path
            yield _Span(
                path,
                section.start_char,
                section.end_char,
                tokens,
                len(path),
                section.kind,
                section.table_header,
            )

    def _joined(self, spans: Iterator[_Span]) -> Iterator[_Span]:
        """Small neighbours made one, up to a full piece, as long as they share their parent heading."""
        current: _Span | None = None
        for span in spans:
            together = self._together(current, span) if current else None
            if together is None and current:
                yield current
            current = together or span
        if current:
            yield current

    def _together(self, one: _Span, other: _Span) -> _Span | None:
        shared = 0
        for left, right in zip(one.heading_path, other.heading_path, strict=False):
            if left != right:
                break
            shared += 1
        deepest = max(one.deepest, other.deepest)
        tokens = one.tokens + other.tokens
        # With a table inside it must stay one piece, because a second one would lack the header.
        plain = TABLE not in (one.kind, other.kind)
        if tokens > (BODY_TOKENS if plain else self._counter.room - CONTEXT_TOKENS_MAX):
            return None
        if shared < deepest - 1:
            return None
        return _Span(one.heading_path[:shared], one.start, other.end, tokens, deepest, one.kind, "")

    def _of(self, span: _Span, block: ParsedBlock, title: str) -> Iterator[PieceOfText]:
        """The pieces of one span, not numbered yet."""
        context = self._counter.context(title, span.heading_path)
        header = self._counter.header(span.table_header, context) if span.kind == TABLE else ""
        at = block.start_char
        places = _Places(block)
        for start, end in self._cuts(block.text, span, at, context, header):
            text = block.text[start:end]
            yield self._piece(text, start + at, end + at, span, context, header, places)

    def _cuts(self, text: str, span: _Span, at: int, context: str, header: str) -> list[tuple[int, int]]:
        """Cuts of a span in which a heading never stands alone above the text it belongs to."""
        start, end = span.start - at, span.end - at
        if header:
            return self._cutter.row_cuts(text, start, end, context, header)
        heading = span.heading_path[-1] if span.heading_path else ""
        below = start + len(heading)
        # The context counts the heading already, and `_piece` leaves it out where the text says it.
        if heading and text.startswith(heading, start) and context.endswith(heading + "\n"):
            cuts = self._cutter.cuts(text, below, end, context)
            if cuts and cuts[0][1] - start <= PIECE_CHARS_MAX:
                return [(start, cuts[0][1]), *cuts[1:]]
        return self._cutter.cuts(text, start, end, context)

    def _piece(
        self, text: str, start: int, end: int, span: _Span, context: str, header: str, places: "_Places"
    ) -> PieceOfText:
        context = said_once(context, span.heading_path, text)
        if header and text.startswith(span.table_header.split("\n", 1)[0]):
            header = ""
        section = places.section(start)
        return PieceOfText(
            ordinal=0,
            start_char=start,
            end_char=end,
            heading_path=_HEADING_SEPARATOR.join(span.heading_path),
            page=section.page,
            text=text,
            embedding_text=context + header + text,
            kind=section.kind,
            table_header=header,
            regions=places.regions(start, end),
        )


class _Places:
    """Finds what belongs to a stretch of a block; sections and regions are in reading order."""

    def __init__(self, block: ParsedBlock) -> None:
        self._sections = block.sections
        self._section_ends = [section.end_char for section in block.sections]
        self._regions = block.regions
        self._region_ends = [region.end_char for region in block.regions]

    def section(self, start: int) -> Section:
        return self._sections[bisect_right(self._section_ends, start)]

    def regions(self, start: int, end: int) -> tuple[Region, ...]:
        found = []
        for region in self._regions[bisect_right(self._region_ends, start) :]:
            if region.start_char >= end:
                break
            found.append(region)
        return tuple(found)


def _alike(one: Section, other: Section) -> bool:
    """Whether two neighbours may be cut as one; a table begins anew where its header stands again."""
    return (one.heading_path, one.kind == TABLE, one.table_header) == (
        other.heading_path,
        other.kind == TABLE,
        other.table_header,
    ) and one.kind != TABLE
