"""Finds where to cut a text so that each part fits the encoder, counting its tokens once."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from semantic_text_splitter import TextSplitter
from tokenizers import Tokenizer

# Long enough for a paragraph to keep its context, short enough to leave room for title and headings
# in an encoder of 256 tokens.
BODY_TOKENS = 200
CONTEXT_TOKENS_MAX = 64  # for title and headings; the innermost heading is kept first
PIECE_CHARS_MAX = 4_000  # a word tokenizer counts any unbroken run of letters as one unknown token
HEADING_SEPARATOR = " > "
_BODY_STEP = 8  # bodies are rounded down to this, because each length needs a splitter of its own
_UNIT_CHARS_MAX = 400  # a longer sentence is cut between words
# A sentence or what stands on a line, with the white space after it; else as many words as a unit may have,
# else as many letters, of which none is taken from the marks that belong to it.
_UNIT = re.compile(
    rf"[^\n]{{0,{_UNIT_CHARS_MAX}}}?(?:[.!?…]+[\"'”’»)\]]*(?=\s|$)\s*|[。！？]+\s*|\n\s*|\Z)"
    rf"|[^\n]{{1,{_UNIT_CHARS_MAX}}}(?<=\s)"
    rf"|[^\n]{{1,{_UNIT_CHARS_MAX}}}(?<!\u200d)(?![\u0300-\u036f\u200d\ufe0e\ufe0f])"
    rf"|[^\n]{{1,{_UNIT_CHARS_MAX}}}"
)
_PARAGRAPH_SHARE, _LINE_SHARE = 0.5, 0.75  # how full a piece must be to end there though more would fit


class Counter:
    """Counts tokens, for one tokenizer and one limit. room: tokens of a piece and its context together."""

    def __init__(self, tokenizer: Tokenizer, tokens_max: int) -> None:
        # A copy: truncation would hide how long a text is, and the caller may rely on its own.
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.room = tokens_max - self.tokenizer.num_special_tokens_to_add(False)
        if self.room < 16:
            raise ValueError(f"tokens_max of {tokens_max} leaves no room for text")
        # Where words are told apart by white space, the tokens of whole words add up exactly.
        self.adds_up = type(self.tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer"
        self._contexts: dict[tuple[str, ...], str] = {}

    def count(self, text: str) -> int:
        """Tokens of a text, special ones left out."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of many texts, which costs far less than asking for each."""
        return [len(found) for found in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def context(self, title: str, heading_path: tuple[str, ...]) -> str:
        """Title and headings in at most a quarter of the room; headings nearest to the text win."""
        key = (title, *heading_path)
        if key not in self._contexts:
            if len(self._contexts) > 1_000:
                self._contexts.clear()
            self._contexts[key] = self._context(title, heading_path)
        return self._contexts[key]

    def _context(self, title: str, heading_path: tuple[str, ...]) -> str:
        allowed = min(CONTEXT_TOKENS_MAX, self.room // 4)
        kept: list[str] = []
        for words in [*reversed(heading_path), title]:
            longer = HEADING_SEPARATOR.join([words, *kept]) if words not in kept else ""
            if longer and self.count(longer + "\n") <= allowed:
                kept.insert(0, words)
        return HEADING_SEPARATOR.join(kept) + "\n" if kept else ""

    def header(self, table_header: str, context: str) -> str:
        """A table's header lines, or as many of its first columns as fit into half of what is left."""
        allowed = (self.room - self.count(context)) // 2
        if not table_header or self.count(table_header) <= allowed:
            return table_header
        names, rule = (line.strip("| ").split(" | ") for line in table_header.splitlines()[:2])
        while names and self.count(shortened := _table_header(names, rule[: len(names)])) > allowed:
            names = names[: len(names) // 2]
        return shortened if names else ""


def said_once(context: str, heading_path: Sequence[str], text: str) -> str:
    """The context to put before a text, without the innermost heading where the text begins with it."""
    if heading_path and text.startswith(heading_path[-1]):
        return context.removesuffix(heading_path[-1] + "\n")
    return context


def _table_header(names: Sequence[str], rule: Sequence[str]) -> str:
    return f"| {' | '.join(names)} |\n| {' | '.join(rule)} |\n"


class Cutter:
    """Cuts stretches of text for one counter. overlap: tokens that a piece may repeat of the one before."""

    def __init__(self, counter: Counter, overlap: int) -> None:
        self._counter = counter
        self._overlap = overlap
        self._splitters: dict[int, TextSplitter] = {}

    def cuts(self, text: str, start: int, end: int, context: str) -> list[tuple[int, int]]:
        """Offsets of the pieces of text[start:end] in order, each fitting together with its context."""
        body = self._body(context)
        units = self._units(text, start, end, body)
        found = _packed(units, text, body, min(self._overlap, body // 4))
        return self._fitting(text, found, context, counted=self._exact(units, text))

    def row_cuts(self, text: str, start: int, end: int, context: str, header: str) -> list[tuple[int, int]]:
        """Offsets of pieces of a table that each hold whole rows and fit together with context and header.

        A row that is too long for that is cut like any text.
        """
        context += header
        body = self._body(context)
        units: list[_Unit] = []
        for unit in self._counted(text, [match.span() for match in _ROW.finditer(text, start, end)]):
            units += [unit] if unit[2] <= body else self._units(text, unit[0], unit[1], body)
        found = _packed(units, text, body, 0, paragraphs=False)
        return self._fitting(text, found, context, counted=self._exact(units, text))

    def _body(self, context: str) -> int:
        body = min(BODY_TOKENS, self._counter.room - self._counter.count(context))
        return max(body // _BODY_STEP * _BODY_STEP, 1)

    def _units(self, text: str, start: int, end: int, body: int) -> "list[_Unit]":
        """Sentences and lines with their tokens; one that does not fit is cut by its words."""
        spans = [match.span() for match in _UNIT.finditer(text, start, end) if match.end() > match.start()]
        units: list[_Unit] = []
        for unit in self._counted(text, spans):
            units += [unit] if _short(unit, body) else self._parts(text, unit, body)
        return units

    def _counted(self, text: str, spans: Sequence[tuple[int, int]]) -> "list[_Unit]":
        counts = self._counter.counts([text[start:end] for start, end in spans])
        return [(start, end, tokens) for (start, end), tokens in zip(spans, counts, strict=True)]

    def _parts(self, text: str, unit: "_Unit", body: int) -> "list[_Unit]":
        """A stretch without sentences or lines, cut by words and, inside one, by letters."""
        start, end, _ = unit
        parts: list[tuple[int, int]] = []
        # In bounded stretches, because the library's time grows faster than a stretch's length.
        for begun in range(start, end, PIECE_CHARS_MAX):
            stretch = text[begun : min(begun + PIECE_CHARS_MAX, end)]
            for offset, piece in self._splitter(body).chunk_indices(stretch):
                parts.append((begun + offset, begun + offset + len(piece)))
        return self._counted(text, parts)

    def _exact(self, units: "Sequence[_Unit]", text: str) -> bool:
        """Whether the tokens of neighbouring units are the sum of theirs."""
        return self._counter.adds_up and all(text[start - 1].isspace() for start, _, _ in units[1:])

    def _fitting(
        self, text: str, found: Sequence[tuple[int, int]], context: str, *, counted: bool = False
    ) -> list[tuple[int, int]]:
        """The pieces without white space around them, halved where context and piece are too long after all.

        counted: the pieces are known to fit by their tokens.
        """
        trimmed = [_trimmed(text, start, end) for start, end in found]
        kept = [(start, end) for start, end in trimmed if start < end]
        if counted and all(end - start <= PIECE_CHARS_MAX for start, end in kept):
            return sorted(set(kept))
        counts = self._counter.counts([context + text[start:end] for start, end in kept])
        cuts: set[tuple[int, int]] = set()
        for (start, end), tokens in zip(kept, counts, strict=True):
            if tokens <= self._counter.room and end - start <= PIECE_CHARS_MAX:
                cuts.add((start, end))
            else:
                cuts.update(self._halves(text, start, end, context))
        return sorted(cuts)

    def _halves(self, text: str, start: int, end: int, context: str) -> Iterator[tuple[int, int]]:
        if end - start == 1:
            yield start, end  # one character that no limit can divide
            return
        middle = (start + end) // 2
        yield from self._fitting(text, [(start, middle), (middle, end)], context)

    def _splitter(self, body: int) -> TextSplitter:
        if body not in self._splitters:
            self._splitters[body] = TextSplitter.from_huggingface_tokenizer(self._counter.tokenizer, body)
        return self._splitters[body]


_Unit = tuple[int, int, int]  # start, end, tokens
_ROW = re.compile(r"[^\n]*\n|[^\n]+")


def _short(unit: _Unit, body: int) -> bool:
    start, end, tokens = unit
    return tokens <= body and end - start <= PIECE_CHARS_MAX


def _packed(
    units: Sequence[_Unit], text: str, body: int, overlap: int, *, paragraphs: bool = True
) -> list[tuple[int, int]]:
    """Neighbouring units put together up to the body, ended at a paragraph or line where one is near.

    overlap: tokens of whole units that are said again at the start of the next piece.
    """
    before = [0, *accumulate(tokens for _, _, tokens in units)]
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(units):
        last = first
        while last + 1 < len(units) and _fits(units, before, first, last + 1, body):
            last += 1
        if last + 1 < len(units) and paragraphs:
            last = _good_end(units, text, before, first, last)
        found.append((units[first][0], units[last][1]))
        if last + 1 == len(units):
            break
        first = _next_first(before, first, last, overlap)
    return found


def _fits(units: Sequence[_Unit], before: Sequence[int], first: int, last: int, body: int) -> bool:
    short = units[last][1] - units[first][0] <= PIECE_CHARS_MAX
    return short and before[last + 1] - before[first] <= body


def _good_end(units: Sequence[_Unit], text: str, before: Sequence[int], first: int, last: int) -> int:
    """The last unit that ends a paragraph, else a line, if the piece is full enough there."""
    full = before[last + 1] - before[first]
    line: int | None = None
    for place in range(last, first - 1, -1):
        share = (before[place + 1] - before[first]) / max(full, 1)
        if share < _PARAGRAPH_SHARE:
            break
        gap = text[max(units[place][1] - 3, units[place][0]) : units[place][1]].count("\n")
        if gap > 1:
            return place
        if gap and line is None and share >= _LINE_SHARE:
            line = place
    return last if line is None else line


def _next_first(before: Sequence[int], first: int, last: int, overlap: int) -> int:
    """Where the next piece begins: some units before the end of this one, as many as the overlap allows."""
    start = last + 1
    while start - 1 > first and before[last + 1] - before[start - 1] <= overlap:
        start -= 1
    return start


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
