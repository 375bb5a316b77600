"""Tables as text: Markdown rows whose header is known to each part, so that a row found alone still speaks."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import lines, opened
from retrieval.ingestion.parsers.tables import looks_like_header
from retrieval.ingestion.sniff import HEAD_BYTES, delimiter

FIELD_CHARS_MAX = 100_000  # one field of this size is a document, not a value
ROW_LINES_MAX = 10_000  # a row of fields with line breaks could otherwise go on for the whole file


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> Iterator[Frame]:
    """Read rows by the delimiter that the file's beginning shows, tabs included."""
    mark = _delimiter(file)
    composer = Composer(
        name, "text/tab-separated-values" if mark == "\t" else "text/csv", limits, streamed=True
    )
    rows = _rows(file, name, mark)
    first = next(rows, [])
    headed = looks_like_header(first)
    for _ in composer.table_blocks(first if headed else None, rows if headed else chain([first], rows)):
        yield from composer.blocks()
    yield from composer.ending()


def _delimiter(file: BinaryIO) -> str:
    text = opened(file)
    head = text.read(HEAD_BYTES)
    text.detach()  # or closing it would close the file
    file.seek(0)
    return delimiter(head) or ","


def _rows(file: BinaryIO, name: str, mark: str) -> Iterator[list[str]]:
    csv.field_size_limit(FIELD_CHARS_MAX)
    begun = [0]
    rows = csv.reader(_bounded(lines(file, name), begun, name), delimiter=mark)
    try:
        for row in rows:
            begun[0] = rows.line_num
            yield row
    except csv.Error as error:
        raise UnreadableFile(
            f"{name} cannot be read as a table at line {rows.line_num:,}: {error}."
        ) from None


def _bounded(found: Iterator[str], begun: list[int], name: str) -> Iterator[str]:
    """The lines; refuses a row that goes on for too many. begun: holds the line that the row before ended at."""
    for number, line in enumerate(found, start=1):
        if number - begun[0] > ROW_LINES_MAX:
            raise UnreadableFile(
                f"{name} cannot be read as a table: the row at line {begun[0] + 1:,} goes on for more than "
                f"{ROW_LINES_MAX:,} lines; a quotation mark is missing."
            )
        yield line
