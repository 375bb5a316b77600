"""JSON: every value on a line with its path, rows of equal objects as a table."""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import JSON
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import decoded

LEVELS_MAX = 100  # nobody writes deeper by hand, and a path of a hundred names says nothing
_TABLE_COLUMNS_MAX = 30
_TABLE_ROWS_MIN = 2


class Pairs(list[tuple[str, object]]):
    """An object as its pairs in order, so that a name given twice keeps both values."""


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read one JSON value; numbers stay as they are written."""
    composer = Composer(name, JSON, limits)
    write_value(_loaded(decoded(file.read()), name), composer, name)
    return composer.finish(PurePosixPath(name).stem)


def write_value(value: object, composer: Composer, name: str) -> None:
    """Write a value down; what hangs from the top object stands under a heading of its name."""
    if isinstance(value, Pairs):
        scalars = Pairs(pair for pair in value if not isinstance(pair[1], list))
        _lines(scalars, composer, name)
        for key, inner in value:
            if isinstance(inner, list):
                composer.heading(1, key)
                _block(inner, key, composer, name)
    else:
        _block(value, "", composer, name)


def _loaded(text: str, name: str) -> object:
    try:
        return json.loads(
            text.lstrip("\ufeff"),
            object_pairs_hook=Pairs,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
        )
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:
        place = getattr(error, "lineno", 1)
        raise UnreadableFile(f"{name} is damaged JSON: it makes no sense at line {place:,}.") from None


def _block(value: object, path: str, composer: Composer, name: str) -> None:
    header = _columns(value)
    if header and isinstance(value, list):
        composer.table(header, (_cells(dict(row), header) for row in value))
    else:
        composer.paragraph(
            "\n".join(f"{place}: {words}" if place else words for place, words in _values(value, path, name))
        )


def _lines(value: Pairs, composer: Composer, name: str) -> None:
    for place, words in _values(value, "", name):
        composer.line(f"{place}: {words}")


def _values(value: object, path: str, name: str) -> Iterator[tuple[str, str]]:
    """Each scalar with its path, such as `parties[0].name`; a stack, because Python's own is not deep."""
    waiting: list[tuple[str, object, int]] = [(path, value, 0)]
    while waiting:
        place, found, deep = waiting.pop()
        if deep > LEVELS_MAX:
            raise _too_deep(name)
        if isinstance(found, Pairs):
            inner = [(f"{place}.{key}" if place else key, one, deep + 1) for key, one in found]
            waiting.extend(reversed(inner))
        elif isinstance(found, list):
            inner = [(f"{place}[{number}]", one, deep + 1) for number, one in enumerate(found)]
            waiting.extend(reversed(inner))
        elif words := _spelled(found):
            yield place, words


def _columns(value: object) -> list[str] | None:
    """The names that all rows of a list of flat objects share, None when it is no table."""
    if not isinstance(value, list) or isinstance(value, Pairs) or len(value) < _TABLE_ROWS_MIN:
        return None
    names: dict[str, None] = {}
    for row in value:
        if not isinstance(row, Pairs) or any(isinstance(one, list) for _, one in row):
            return None
        if len({key for key, _ in row}) != len(row):
            return None
        names.update(dict.fromkeys(key for key, _ in row))
        if len(names) > _TABLE_COLUMNS_MAX:
            return None
    return list(names) or None


def _cells(row: dict[str, object], header: list[str]) -> list[str]:
    return [_spelled(row.get(name)) for name in header]


def _spelled(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
    return str(value)


def _too_deep(name: str) -> UnreadableFile:
    return UnreadableFile(f"{name} is nested more than {LEVELS_MAX} levels deep and cannot be read.")
