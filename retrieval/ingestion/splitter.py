"""Cuts a parsed document into pieces that fit the encoder, each with its place in the text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from semantic_text_splitter import TextSplitter
from tokenizers import Tokenizer

from retrieval.ingestion.parsed import ParsedDocument, Region, Section

# Long enough for a paragraph to keep its context, short enough to leave room for title and headings
# in an encoder of 256 tokens.
BODY_TOKENS = 200
OVERLAP_TOKENS = 24  # about one sentence, so that one cut in two is found from either side
CONTEXT_TOKENS_MAX = 64  # for title and headings; the innermost heading is kept first
PIECE_CHARS_MAX = 4_000  # a word tokenizer counts any unbroken run of letters as one unknown token
_BODY_STEP = 8  # bodies are rounded down to this, because each length needs a splitter of its own
_HEADING_SEPARATOR = " > "


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOfText:
    """A stretch of a document, ready to be embedded.

    text is `parsed.text[start_char:end_char]`; embedding_text puts title and headings before it.
    """

    ordinal: int  # from 0, in reading order
    start_char: int
    end_char: int  # exclusive
    heading_path: str  # outermost first, joined by " > "; "" above the first heading
    page: int | None  # where it starts; None where the format has no pages
    text: str
    embedding_text: str
    section: int = 0
    regions: tuple[Region, ...] = ()
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class _Span:
    """Neighbouring sections that are cut as one."""

    heading_path: tuple[str, ...]
    start: int
    end: int
    tokens: int
    deepest: int  # length of the longest heading path inside


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
        self._counter = _Counter(tokenizer, tokens_max, overlap)

    def split(self, parsed: ParsedDocument) -> list[PieceOfText]:
        """Pieces in reading order that together hold all text; large sections are never mixed."""
        pieces: list[PieceOfText] = []
        for span in _joined(_spans(parsed, self._counter)):
            context = self._counter.context(parsed.title, span.heading_path)
            for start, end in self._cuts(parsed.text, span, context):
                pieces.append(_piece(parsed, start, end, span, context, len(pieces)))
        return _with_pages(pieces, parsed.sections)

    def _cuts(self, text: str, span: _Span, context: str) -> list[tuple[int, int]]:
        """Cuts of a span in which a heading never stands alone above the text it belongs to."""
        heading = span.heading_path[-1] if span.heading_path else ""
        below = span.start + len(heading)
        # The context counts the heading already, and `_piece` leaves it out where the text says it.
        if heading and text.startswith(heading, span.start) and context.endswith(heading + "\n"):
            cuts = self._counter.cuts(text, below, span.end, context)
            if cuts and cuts[0][1] - span.start <= PIECE_CHARS_MAX:
                return [(span.start, cuts[0][1]), *cuts[1:]]
        return self._counter.cuts(text, span.start, span.end, context)


class _Counter:
    """Counts tokens and finds cuts, for one tokenizer and one limit."""

    def __init__(self, tokenizer: Tokenizer, tokens_max: int, overlap: int) -> None:
        # A copy: truncation would hide how long a text is, and the caller may rely on its own.
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._room = tokens_max - self._tokenizer.num_special_tokens_to_add(False)
        if self._room < 16:
            raise ValueError(f"tokens_max of {tokens_max} leaves no room for text")
        self._overlap = overlap
        self._splitters: dict[int, TextSplitter] = {}

    def count(self, text: str) -> int:
        """Tokens of a text, special ones left out."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def counts(self, texts: Sequence[str]) -> list[int]:
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [len(encoding.ids) for encoding in encoded]

    def context(self, title: str, heading_path: tuple[str, ...]) -> str:
        """Title and headings in at most a quarter of the room; headings nearest to the text win."""
        allowed = min(CONTEXT_TOKENS_MAX, self._room // 4)
        kept: list[str] = []
        for words in [*reversed(heading_path), title]:
            longer = _HEADING_SEPARATOR.join([words, *kept]) if words not in kept else ""
            if longer and self.count(longer + "\n") <= allowed:
                kept.insert(0, words)
        return _HEADING_SEPARATOR.join(kept) + "\n" if kept else ""

    def cuts(self, text: str, start: int, end: int, context: str) -> list[tuple[int, int]]:
        """Offsets of the pieces of text[start:end] in order, each fitting together with its context."""
        body = min(BODY_TOKENS, self._room - self.count(context))
        splitter = self._splitter(max(body // _BODY_STEP * _BODY_STEP, 1))
        found: set[tuple[int, int]] = set()
        for offset, piece in splitter.chunk_indices(text[start:end]):
            found.update(self._fitting(text, start + offset, start + offset + len(piece), context))
        return sorted(found)

    def _fitting(self, text: str, start: int, end: int, context: str) -> Iterator[tuple[int, int]]:
        """The piece itself, or halves of it while context and piece together have too many tokens."""
        start, end = _trimmed(text, start, end)
        if start >= end:
            return
        if end - start <= PIECE_CHARS_MAX and self.count(context + text[start:end]) <= self._room:
            yield start, end
            return
        if end - start == 1:
            yield start, end  # one character that no limit can divide
            return
        middle = (start + end) // 2
        yield from self._fitting(text, start, middle, context)
        yield from self._fitting(text, middle, end, context)

    def _splitter(self, body: int) -> TextSplitter:
        if body not in self._splitters:
            overlap = min(self._overlap, body // 4)
            self._splitters[body] = TextSplitter.from_huggingface_tokenizer(self._tokenizer, body, overlap)
        return self._splitters[body]


def _spans(parsed: ParsedDocument, counter: _Counter) -> Iterator[_Span]:
    """Sections with pages under one heading put together: a page's end is no end of thought."""
    merged: list[Section] = []
    for section in parsed.sections:
        if merged and merged[-1].heading_path == section.heading_path:
            merged[-1] = replace(merged[-1], end_char=section.end_char)
        else:
            merged.append(section)
    counts = counter.counts([parsed.text[section.start_char : section.end_char] for section in merged])
    for section, tokens in zip(merged, counts, strict=True):
        path = section.heading_path
        yield _Span(path, section.start_char, section.end_char, tokens, len(path))


def _joined(spans: Iterator[_Span]) -> Iterator[_Span]:
    """Small neighbours made one, up to a full piece, as long as they share their parent heading."""
    current: _Span | None = None
    for span in spans:
        together = _together(current, span) if current else None
        if together is None and current:
            yield current
        current = together or span
    if current:
        yield current


def _together(one: _Span, other: _Span) -> _Span | None:
    shared = 0
    for left, right in zip(one.heading_path, other.heading_path, strict=False):
        if left != right:
            break
        shared += 1
    deepest = max(one.deepest, other.deepest)
    if one.tokens + other.tokens > BODY_TOKENS or shared < deepest - 1:
        return None
    return _Span(one.heading_path[:shared], one.start, other.end, one.tokens + other.tokens, deepest)


def _piece(
    parsed: ParsedDocument, start: int, end: int, span: _Span, context: str, ordinal: int
) -> PieceOfText:
    text = parsed.text[start:end]
    if span.heading_path and text.startswith(span.heading_path[-1]):
        context = context.removesuffix(span.heading_path[-1] + "\n")  # the text itself says it
    return PieceOfText(
        ordinal=ordinal,
        start_char=start,
        end_char=end,
        heading_path=_HEADING_SEPARATOR.join(span.heading_path),
        page=None,
        text=text,
        embedding_text=context + text,
    )


def _with_pages(pieces: list[PieceOfText], sections: tuple[Section, ...]) -> list[PieceOfText]:
    """The pieces with the page each starts on; both are in reading order."""
    paged: list[PieceOfText] = []
    place = 0
    for piece in pieces:
        while place + 1 < len(sections) and sections[place].end_char <= piece.start_char:
            place += 1
        paged.append(replace(piece, page=sections[place].page))
    return paged


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
