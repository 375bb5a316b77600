"""A file after parsing: what a reader sees, where its parts begin, and what a reader does not see."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

TEXT = "text"
TABLE = "table"  # Markdown rows


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
class ParsedDocument:
    """Text and structure of one file.

    text: what a reader sees, with offsets counted in code points; no NUL and no lone surrogate.
    hidden: what a reader does not see (comments, alt text, properties, white text), never in `text`.
    pages: number of pages, None where the format has none.
    """

    text: str
    sections: tuple[Section, ...]
    title: str
    hidden: tuple[str, ...]
    media_type: str
    pages: int | None


def to_json_object(parsed: ParsedDocument) -> dict[str, object]:
    """The document as plain lists, strings and numbers, for a pipe."""
    return asdict(parsed)


def from_json_object(wire: Mapping[str, object]) -> ParsedDocument:
    """Rebuild a document from `to_json_object`'s form, checking every type on the way.

    Raises ValueError when the form is not that of a document.
    """
    sections, hidden = wire.get("sections"), wire.get("hidden")
    if not isinstance(sections, list) or not isinstance(hidden, list):
        raise ValueError("sections and hidden must be lists")
    text = _string(wire.get("text"))
    return ParsedDocument(
        text=text,
        sections=tuple(_section(section, len(text)) for section in sections),
        title=_string(wire.get("title")),
        hidden=tuple(_string(piece) for piece in hidden),
        media_type=_string(wire.get("media_type")),
        pages=_number_or_none(wire.get("pages")),
    )


def _section(wire: object, text_chars: int) -> Section:
    if not isinstance(wire, dict) or not isinstance(wire.get("heading_path"), list):
        raise ValueError("a section must be an object with a heading path")
    start, end = wire.get("start_char"), wire.get("end_char")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end <= text_chars:
        raise ValueError("a section must lie inside the text")
    return Section(
        heading_path=tuple(_string(heading) for heading in wire["heading_path"]),
        page=_number_or_none(wire.get("page")),
        start_char=start,
        end_char=end,
        kind=_string(wire.get("kind", TEXT)),
        table_header=_string(wire.get("table_header", "")),
    )


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")
    return value


def _number_or_none(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise ValueError("expected a number or null")
    return value
