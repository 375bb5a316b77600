"""A file after parsing: what a reader sees, where its parts begin, and what a reader does not see."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

TEXT = "text"
TABLE = "table"  # Markdown rows
LIST = "list"
NOTE = "note"  # footnotes and endnotes

BLOCK_CHARS = 250_000  # a block is closed at the next section or paragraph end after this many
BLOCK_CHARS_MAX = 500_000
# Many sections with long headings or many lines on pages close a block too: its frame stays about 1 MB.
BLOCK_WEIGHT = 750_000
REGION_WEIGHT = 60
FRACTION_DIGITS = 4  # of a region's edges: a tenth of a millimetre on A4


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of text of one kind under one heading and on one page; sections tile the text in order."""

    heading_path: tuple[str, ...]  # outermost first, its own heading last; () above the first heading
    page: int | None  # from 1; None where the format has no pages
    start_char: int
    end_char: int  # exclusive
    kind: str = TEXT
    # The two lines that a table begins with, to be said again before any part cut from it; else "".
    table_header: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where on its page a stretch of text stands, one line at most, in fractions of the page's sides.

    left, top, right, bottom: 0.0 to 1.0 from the top left corner of the page as it is shown.
    """

    page: int  # from 1
    start_char: int
    end_char: int  # exclusive
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedBlock:
    """Some of a document's text; blocks follow each other without a gap.

    start_char, and the offsets of sections and regions, count code points from the document's beginning.
    text: at most BLOCK_CHARS_MAX characters; no NUL and no lone surrogate.
    sections: they tile the block. regions: in order of their text; empty where the format has no pages.
    """

    start_char: int
    text: str
    sections: tuple[Section, ...]
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is known of a document once all of it was read.

    hidden: what a reader does not see (comments, alt text, properties, white text), never in any block.
    pages: number of pages, None where the format has none.
    """

    title: str
    hidden: tuple[str, ...]
    media_type: str
    pages: int | None
    text_chars: int
    language: str = ""  # ISO 639-1; "" where unsure
    ocr: bool = False  # whether some of the text was recognised from pictures
    pages_without_text: tuple[int, ...] = ()  # pictures that nobody recognised text on


Frame = ParsedBlock | Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """Text and structure of one file, whole: blocks and summary in one value."""

    text: str
    sections: tuple[Section, ...]
    title: str
    hidden: tuple[str, ...]
    media_type: str
    pages: int | None
    language: str = ""
    regions: tuple[Region, ...] = ()
    ocr: bool = False
    pages_without_text: tuple[int, ...] = ()


def weight(section: Section) -> int:
    """About how many bytes a section takes besides its text."""
    return 60 + sum(map(len, section.heading_path)) + len(section.table_header)


def joined(frames: Iterable[Frame]) -> ParsedDocument:
    """The whole document; its frames must end with their one summary.

    Raises ValueError when they do not.
    """
    texts: list[str] = []
    sections: list[Section] = []
    regions: list[Region] = []
    for frame in frames:
        if isinstance(frame, Summary):
            return ParsedDocument(
                text="".join(texts),
                sections=tuple(sections),
                title=frame.title,
                hidden=frame.hidden,
                media_type=frame.media_type,
                pages=frame.pages,
                language=frame.language,
                regions=tuple(regions),
                ocr=frame.ocr,
                pages_without_text=frame.pages_without_text,
            )
        texts.append(frame.text)
        regions += frame.regions
        sections += _continued(sections, frame.sections)
    raise ValueError("a document without a summary is not whole")


def _continued(before: list[Section], found: tuple[Section, ...]) -> tuple[Section, ...]:
    """A block's sections, the first put back together with the one that the block's start had cut."""
    if before and found:
        whole = replace(before[-1], end_char=found[0].end_char)
        if replace(whole, start_char=found[0].start_char) == found[0]:
            before[-1] = whole
            return found[1:]
    return found


def frames_of(parsed: ParsedDocument) -> Iterator[Frame]:
    """A whole document as blocks and a summary."""
    regions = list(parsed.regions)
    end = 0
    for sections in _blocks(parsed):
        start, end = end, sections[-1].end_char
        inside = [region for region in regions if region.start_char < end]
        del regions[: len(inside)]
        yield ParsedBlock(
            start_char=start, text=parsed.text[start:end], sections=sections, regions=tuple(inside)
        )
    yield Summary(
        title=parsed.title,
        hidden=parsed.hidden,
        media_type=parsed.media_type,
        pages=parsed.pages,
        text_chars=len(parsed.text),
        language=parsed.language,
        ocr=parsed.ocr,
        pages_without_text=parsed.pages_without_text,
    )


def _blocks(parsed: ParsedDocument) -> Iterator[tuple[Section, ...]]:
    """The sections of each block."""
    whole = Section(heading_path=(), page=None, start_char=0, end_char=len(parsed.text))
    gathered: list[Section] = []
    weighs = 0
    for section in parsed.sections or ((whole,) if parsed.text else ()):
        for part in _parts(section, parsed.text):
            weighs += weight(part)
            long = gathered and part.end_char - gathered[0].start_char > BLOCK_CHARS
            if gathered and (long or weighs > BLOCK_WEIGHT):
                yield tuple(gathered)
                gathered, weighs = [], weight(part)
            gathered.append(part)
    if gathered:
        yield tuple(gathered)


def _parts(section: Section, text: str) -> Iterator[Section]:
    """A section, cut after a paragraph, a line or at least a word when it is longer than a block."""
    start = section.start_char
    while section.end_char - start > BLOCK_CHARS:
        end = paragraph_end(text, start, start + BLOCK_CHARS)
        yield replace(section, start_char=start, end_char=end)
        start = end
    yield replace(section, start_char=start)


def paragraph_end(text: str, start: int, limit: int) -> int:
    """The last place up to the limit at which a paragraph, else a line, else a word ends; else the limit."""
    nearest = start + (limit - start) // 2
    for mark, earliest in (("\n\n", nearest), ("\n", nearest), (" ", start)):
        found = text.rfind(mark, earliest, limit)
        if found > start:
            return found + len(mark)
    return limit
