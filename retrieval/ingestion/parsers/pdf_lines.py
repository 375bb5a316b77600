"""Lines of a PDF page put together to paragraphs, each line keeping its place on the page."""

import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from retrieval.ingestion.parsed import LIST, NOTE, TEXT
from retrieval.ingestion.parsers import ocr
from retrieval.ingestion.parsers.legible import cleaned, collapsed
from retrieval.ingestion.parsers.pdf_sight import Box, Sight

# A line at least this long, measured by the longest on its page, goes on in the next.
_FULL_LINE = 0.6
_SENTENCE_END = (".", ":", ";", "!", "?")
_ITEM = re.compile(r"\s*(?:[-•*–◦▪·]|\(?\d{1,3}[.)]|[a-z][.)])\s")
_NOTE_MARK = re.compile(r"(?:\d{1,3}|[*†‡])\s?\S")
_NOTE_TOP = 0.6  # footnotes stand in the lower part of a page
_NOTE_SIZE = 0.92  # in letters this much smaller than those of the page
# The library's mark for a word divided at the end of a line, and everything that ends a line.
_BREAK = re.compile("(?P<divided>[\x02\ufffe](?:\r?\n)?)|\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together. said: the text before cleaning. lines: offset, length and box of each."""

    text: str
    said: str
    lines: tuple[tuple[int, int, Box], ...]
    kind: str = TEXT


@dataclass(slots=True)
class _Line:
    """Part of a line, or parts that a divided word joins. parts: text and box of each."""

    parts: list[tuple[str, Box | None]]
    said: str
    size: float

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)


def paragraphs(runs: list[Sight], headings: Mapping[str, int]) -> Iterator[Paragraph]:
    """Visible lines put together again where a sentence runs on; a heading stays alone."""
    lines = [line for line in _lines(runs) if line.text]
    longest = max((len(line.text) for line in lines), default=0)
    sizes = [line.size for line in lines if line.size]
    usual = statistics.median(sizes) if sizes else 0.0
    gathered: list[_Line] = []
    text = ""
    for line in lines:
        alone = line.text.casefold() in headings or text.casefold() in headings
        if gathered and not alone and _runs_on(text, line.text, longest):
            gathered.append(line)
            text = f"{text} {line.text}"
            continue
        if gathered:
            yield _paragraph(gathered, usual)
        gathered, text = [line], line.text
    if gathered:
        yield _paragraph(gathered, usual)


def recognised(picture: ocr.Picture) -> Iterator[Paragraph]:
    """What text recognition reads on a picture of a page."""
    for found in ocr.paragraphs(ocr.lines(picture)):
        lines = [
            _Line([(collapsed(cleaned(line.text)), _box(line, picture))], line.text, 0.0) for line in found
        ]
        kept = [line for line in lines if line.text]
        if kept:
            yield _paragraph(kept, 0.0)


def _box(line: ocr.Line, picture: ocr.Picture) -> Box:
    width, height = picture.width, picture.height
    edges = (line.left / width, line.top / height, line.right / width, line.bottom / height)
    return Box(*(min(max(edge, 0.0), 1.0) for edge in edges))


def _lines(runs: list[Sight]) -> Iterator[_Line]:
    """Lines as the page breaks them; what nobody sees leaves the space it took."""
    shown = [_shown(run) for run in runs]
    text = "".join(shown)
    places = _Places(runs, shown)
    line = _Line([], "", 0.0)
    start = 0
    for end, following, divided in [*_breaks(text), (len(text), len(text), False)]:
        box, size = places.of(start, end)
        line.parts.append((collapsed(cleaned(text[start:end])), box))
        line.said += text[start:end]
        line.size = max(line.size, size)
        start = following
        if not divided:
            yield line
            line = _Line([], "", 0.0)


def _breaks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Where lines end, where the next begin, and whether a word is divided there."""
    for found in _BREAK.finditer(text):
        yield found.start(), found.end(), found.group("divided") is not None


def _shown(run: Sight) -> str:
    if run.seen:
        return run.text
    return "\n" if run.text.endswith("\n") else " "


class _Places:
    """Finds the box of a stretch of a page's text; asked in reading order."""

    def __init__(self, runs: list[Sight], shown: list[str]) -> None:
        self._runs = runs
        self._shown = shown
        self._at, self._start = 0, 0

    def of(self, start: int, end: int) -> tuple[Box | None, float]:
        """The box around the visible runs between two offsets, and the height of their largest letters."""
        boxes: list[Box] = []
        size = 0.0
        while self._at < len(self._runs) and self._start < end:
            run, length = self._runs[self._at], len(self._shown[self._at])
            if run.seen and run.box and self._start + length > start:
                boxes.append(run.box)
                size = max(size, run.size)
            if self._start + length > end:
                break
            self._start += length
            self._at += 1
        return _around(boxes), size


def _around(boxes: list[Box]) -> Box | None:
    if not boxes:
        return None
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _paragraph(lines: list[_Line], usual_size: float) -> Paragraph:
    places: list[tuple[int, int, Box]] = []
    offset = 0
    for line in lines:
        for text, box in line.parts:
            if text and box:
                places.append((offset, len(text), box))
            offset += len(text)
        offset += 1  # the space between two lines
    text = " ".join(line.text for line in lines)
    said = " ".join(line.said for line in lines)
    return Paragraph(text, said, tuple(places), _kind(text, lines[0], places, usual_size))


def _kind(text: str, first: _Line, places: list[tuple[int, int, Box]], usual_size: float) -> str:
    low = bool(places) and places[0][2].top >= _NOTE_TOP
    if low and first.size < usual_size * _NOTE_SIZE and _NOTE_MARK.match(text):
        return NOTE
    return LIST if _ITEM.match(text) else TEXT


def _runs_on(current: str, line: str, longest: int) -> bool:
    if _ITEM.match(line) or current.endswith(_SENTENCE_END):
        return False
    return line[0].islower() or len(current) >= _FULL_LINE * longest
