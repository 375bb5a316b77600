"""Text recognition, as a parser sees it: a picture goes out of the sandbox, lines of text come back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

_TSV_COLUMNS = 12
_WORD_LEVEL = "5"  # of page, block, paragraph, line, word
_CONFIDENCE_MIN = 20.0  # of 100; below it stand specks and pictures taken for letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page in shades of grey, one byte a pixel, rows from the top without padding."""

    page: int  # from 1
    width: int
    height: int
    dots_per_inch: int
    pixels: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of recognised text and its box in pixels. paragraph: equal for lines of one paragraph."""

    text: str
    paragraph: tuple[str, ...]
    left: int
    top: int
    right: int
    bottom: int


# Gives the program's answer in tab-separated values, None when it could not read the picture.
Recogniser = Callable[[Picture], str | None]
_connected: list[Recogniser] = []


def connect(recogniser: Recogniser | None) -> None:
    """Set who recognises text in this process; None: nobody."""
    _connected[:] = [recogniser] if recogniser else []


def available() -> bool:
    """Whether pictures can be recognised here."""
    return bool(_connected)


def lines(picture: Picture) -> list[Line]:
    """The text on a picture; none where nothing was recognised."""
    answer = _connected[0](picture) if _connected else None
    words = [word for row in (answer or "").splitlines() if (word := row.split("\t")) and _is_word(word)]
    return [_line(list(group)) for _, group in groupby(words, key=lambda word: word[1:5])]


def _is_word(columns: list[str]) -> bool:
    if len(columns) != _TSV_COLUMNS or columns[0] != _WORD_LEVEL or not columns[11].strip():
        return False
    try:
        return float(columns[10]) >= _CONFIDENCE_MIN and all(int(edge) >= 0 for edge in columns[6:10])
    except ValueError:
        return False


def _line(words: list[list[str]]) -> Line:
    boxes = [tuple(int(edge) for edge in word[6:10]) for word in words]
    return Line(
        text=" ".join(word[11].strip() for word in words),
        paragraph=tuple(words[0][2:4]),
        left=min(left for left, _, _, _ in boxes),
        top=min(top for _, top, _, _ in boxes),
        right=max(left + width for left, _, width, _ in boxes),
        bottom=max(top + height for _, top, _, height in boxes),
    )


def paragraphs(found: list[Line]) -> Iterator[list[Line]]:
    """Lines by the paragraph they stand in."""
    for _, group in groupby(found, key=lambda line: line.paragraph):
        yield list(group)
