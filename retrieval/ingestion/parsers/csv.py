"""Tables as text: each row a line that repeats the header, so that a row found alone still speaks."""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import decoded
from retrieval.ingestion.parsers.tables import looks_like_header, row_lines
from retrieval.ingestion.sniff import HEAD_BYTES, delimiter

FIELD_CHARS_MAX = 100_000  # one field of this size is a document, not a value


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read rows by the delimiter that the file's beginning shows."""
    text = decoded(file.read())
    composer = Composer(name, "text/csv", limits)
    for line in _lines(_rows(text, name)):
        composer.line(line)
    return composer.finish()


def _rows(text: str, name: str) -> Iterator[list[str]]:
    csv.field_size_limit(FIELD_CHARS_MAX)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text[:HEAD_BYTES]) or ",")
    try:
        yield from rows
    except csv.Error as error:
        raise UnreadableFile(
            f"{name} cannot be read as a table at line {rows.line_num:,}: {error}."
        ) from None


def _lines(rows: Iterator[list[str]]) -> Iterator[str]:
    first = next(rows, [])
    if looks_like_header(first):
        return row_lines(rows, first)
    return row_lines(_with_first(first, rows), None)


def _with_first(first: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rows
