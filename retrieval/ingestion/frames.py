"""The frames of a parsed document as JSON: through the pipe from the child, and kept in storage."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from retrieval.ingestion.parsed import (
    BLOCK_CHARS_MAX,
    FRACTION_DIGITS,
    Frame,
    ParsedBlock,
    Region,
    Section,
    Summary,
)

FRAME_BYTES_MAX = 8_000_000  # a block of rare characters, its regions, or a summary with all hidden text
_COMPRESSION = 5


def dump_blocks(frames: Iterable[Frame]) -> Iterator[bytes]:
    """The frames in gzip pieces of JSON Lines, one line a frame; holds one frame at a time."""
    for frame in frames:
        line = json.dumps(to_json_object(frame), ensure_ascii=False, separators=(",", ":"))
        # Members of gzip may follow each other, so that each frame is a whole one.
        yield gzip.compress(line.encode() + b"\n", _COMPRESSION, mtime=0)


def load_blocks(stream: BinaryIO) -> Iterator[Frame]:
    """The frames that `dump_blocks` wrote, each checked as if a stranger had written it.

    Raises ValueError when they are damaged, incomplete or not frames.
    """
    checked = FrameCheck()
    try:
        with gzip.GzipFile(fileobj=stream) as lines:
            while line := lines.readline(FRAME_BYTES_MAX + 1):
                if len(line) > FRAME_BYTES_MAX:
                    raise ValueError("a frame is too long")
                yield checked.frame(json.loads(line))
    except (OSError, EOFError, RecursionError) as error:
        raise ValueError(f"the stored document is damaged: {error}") from None
    if not checked.whole:
        raise ValueError("the stored document is incomplete")


def to_json_object(frame: Frame) -> dict[str, object]:
    """A frame as plain lists, strings and numbers."""
    if isinstance(frame, ParsedBlock):
        return {
            "start": frame.start_char,
            "text": frame.text,
            "sections": [
                [s.start_char, s.end_char, s.page, s.kind, s.table_header, *s.heading_path]
                for s in frame.sections
            ],
            "regions": [_region_numbers(region) for region in frame.regions],
        }
    return {
        "title": frame.title,
        "hidden": list(frame.hidden),
        "media_type": frame.media_type,
        "pages": frame.pages,
        "text_chars": frame.text_chars,
        "language": frame.language,
        "ocr": frame.ocr,
        "pages_without_text": list(frame.pages_without_text),
    }


def _region_numbers(region: Region) -> list[int | float]:
    edges = (region.left, region.top, region.right, region.bottom)
    return [
        region.page,
        region.start_char,
        region.end_char,
        *(round(edge, FRACTION_DIGITS) for edge in edges),
    ]


class FrameCheck:
    """Rebuilds the frames of one document and refuses what does not follow from the frames before.

    whole: whether the summary came. text_chars: characters of all blocks so far.
    """

    def __init__(self) -> None:
        self.whole = False
        self.text_chars = 0

    def frame(self, wire: object) -> Frame:
        """The frame that this object says; raises ValueError when it is none."""
        if not isinstance(wire, dict) or self.whole:
            raise ValueError("expected a frame")
        if "text" in wire:
            return self._block(wire)
        summary = _summary(wire)
        if summary.text_chars != self.text_chars:
            raise ValueError("the summary is of another text")
        self.whole = True
        return summary

    def _block(self, wire: Mapping[str, object]) -> ParsedBlock:
        text, start = _legible(wire.get("text")), self.text_chars
        end = start + len(text)
        if wire.get("start") != start or not 0 < len(text) <= BLOCK_CHARS_MAX:
            raise ValueError("a block must follow the one before and have a bounded text")
        sections = tuple(_section(one) for one in _list(wire.get("sections")))
        borders = [start, *(section.end_char for section in sections)]
        if borders[-1] != end or any(
            section.start_char != border for section, border in zip(sections, borders, strict=False)
        ):
            raise ValueError("sections must tile their block")
        regions = tuple(_region(one) for one in _list(wire.get("regions")))
        if any(not start <= region.start_char <= region.end_char <= end for region in regions):
            raise ValueError("a region must lie inside its block")
        self.text_chars = end
        return ParsedBlock(start_char=start, text=text, sections=sections, regions=regions)


def _summary(wire: Mapping[str, object]) -> Summary:
    ocr = wire.get("ocr")
    if not isinstance(ocr, bool):
        raise ValueError("expected true or false")
    return Summary(
        title=_legible(wire.get("title")),
        hidden=tuple(_legible(piece) for piece in _list(wire.get("hidden"))),
        media_type=_legible(wire.get("media_type")),
        pages=None if wire.get("pages") is None else _count(wire.get("pages")),
        text_chars=_count(wire.get("text_chars")),
        language=_legible(wire.get("language")),
        ocr=ocr,
        pages_without_text=tuple(_count(page) for page in _list(wire.get("pages_without_text"))),
    )


def _section(wire: object) -> Section:
    start, end, page, kind, table_header, *heading_path = [*_list(wire), *[None] * 5][
        : max(len(_list(wire)), 5)
    ]
    if not _count(start) <= _count(end):
        raise ValueError("a section must not end before it starts")
    return Section(
        heading_path=tuple(_legible(heading) for heading in heading_path),
        page=None if page is None else _count(page),
        start_char=_count(start),
        end_char=_count(end),
        kind=_legible(kind),
        table_header=_legible(table_header),
    )


def _region(wire: object) -> Region:
    numbers = _list(wire)
    if len(numbers) != 7:
        raise ValueError("a region must have seven numbers")
    page, start, end = (_count(number) for number in numbers[:3])
    left, top, right, bottom = (_fraction(number) for number in numbers[3:])
    return Region(page=page, start_char=start, end_char=end, left=left, top=top, right=right, bottom=bottom)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("expected a list")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("expected a number from 0")
    return value


def _fraction(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("expected a number between 0 and 1")
    return float(value)


def _legible(value: object) -> str:
    if not isinstance(value, str) or "\x00" in value or not _encodes(value):
        raise ValueError("expected a string without NUL and lone surrogates")
    return value


def _encodes(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
