"""Excel workbooks: each sheet a heading and a table; what Excel keeps out of sight is hidden text."""

import datetime
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.package import check_package, outside_references, xml_parser
from retrieval.ingestion.parsers.tables import looks_like_header
from retrieval.ingestion.parsers.xlsx_looks import Looks

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_KIND = "Excel workbook"
_PROPERTIES = ("title", "subject", "creator", "keywords", "description", "category", "contentStatus")
_UNSEEN_PARTS = ("xl/comments", "xl/threadedcomments", "docprops/custom", "customxml/item", "xl/persons")
_DRAWINGS = "xl/drawings/drawing"
_COLUMNS_MAX = 1_000  # beyond, a sheet is a matrix and not a table that somebody reads

Row = dict[int, str]  # column from 1 -> text


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a workbook after its package was checked; formulas stand with the values they last had."""
    check_package(file, name, limits, _KIND)
    file.seek(0)
    workbook = _opened(file, name)
    composer = Composer(name, _MEDIA_TYPE, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about dates and styles that Excel itself shows as errors
            _write(workbook, composer)
    except (KeyError, ValueError, IndexError, TypeError, etree.XMLSyntaxError, SyntaxError):
        raise UnreadableFile(f"{name} holds a damaged sheet and cannot be read.") from None
    title = workbook.properties.title or ""
    return composer.finish(title if composer.shows(title) else "")


def _opened(file: BinaryIO, name: str) -> "Workbook":
    # Imported here: it takes numpy along, which costs a second in every child that reads no workbook.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # it would start threads, and a child may not
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, OSError):
        raise UnreadableFile(f"{name} is damaged or not a real {_KIND}.") from None


def _write(workbook: "Workbook", composer: Composer) -> None:
    looks = Looks(workbook)
    for sheet in workbook.worksheets:
        if sheet.sheet_state == "visible":
            _sheet(sheet, looks, composer)
        else:
            composer.hide(sheet.title)
            for row in _rows(sheet, looks, composer, sheet_hidden=True):
                composer.hide(" ".join(row.values()))
    _hide_unseen(workbook, composer)


def _sheet(sheet: "ReadOnlyWorksheet", looks: Looks, composer: Composer) -> None:
    rows = _rows(sheet, looks, composer)
    composer.heading(1, sheet.title)
    first = next(rows, None)
    # A sheet often begins with its title in one cell; the table comes below.
    while first is not None and len(first) == 1:
        composer.paragraph(next(iter(first.values())))
        first = next(rows, None)
    if first is None:
        return
    columns = range(min(first), max(first) + 1)
    header = [first.get(column, "") for column in columns]
    if looks_like_header([cell for cell in header if cell]):
        composer.table(header, (_cells(row, columns) for row in rows))
    else:
        composer.table(None, (_cells(row, columns) for row in _chained(first, rows)))


def _chained(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _cells(row: Row, columns: range) -> list[str]:
    """The cells under the columns, and those left and right of them after these, so that none is lost."""
    return [row.get(column, "") for column in columns] + [
        text for column, text in row.items() if column not in columns
    ]


def _rows(
    sheet: "ReadOnlyWorksheet", looks: Looks, composer: Composer, *, sheet_hidden: bool = False
) -> Iterator[Row]:
    """Rows with a filled cell; what Excel does not show of a visible sheet goes to the hidden text."""
    # The library's own reader of sheets: its rows of cells leave out what is hidden.
    from openpyxl.worksheet._reader import WorkSheetParser

    book = sheet.parent
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        hidden_columns: set[int] | None = None
        for number, cells in parser.parse():
            if hidden_columns is None:  # columns are described before the first row
                hidden_columns = _hidden_columns(parser.column_dimensions)
            row_hidden = not sheet_hidden and _is_hidden(parser.row_dimensions.pop(str(number), {}))
            row: Row = {}
            for cell in cells[:_COLUMNS_MAX]:
                text = _text(cell["value"], looks.format(cell["style_id"]))
                if not text:
                    continue
                seen = sheet_hidden or not (row_hidden or cell["column"] in hidden_columns)
                if seen and (sheet_hidden or looks.visible(cell["style_id"])):
                    row[cell["column"]] = text
                else:
                    composer.hide(text)
            if row:
                yield row


def _hidden_columns(dimensions: dict[str, dict[str, str]]) -> set[int]:
    hidden: set[int] = set()
    for dimension in dimensions.values():
        if _is_hidden(dimension):
            hidden.update(range(int(dimension["min"]), min(int(dimension["max"]), _COLUMNS_MAX) + 1))
    return hidden


def _is_hidden(dimension: dict[str, str]) -> bool:
    """Hidden by its mark, or by a width or height of nothing."""
    size = dimension.get("width") or dimension.get("ht") or "1"
    return dimension.get("hidden", "0") in ("1", "true") or float(size) < 0.1


def _text(value: object, number_format: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float() if number_format.endswith("%"):
            return f"{round(value * 100, 6):g}%"
        case float():
            return f"{value:.15g}"  # as many digits as Excel keeps
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(sep=" ", timespec="minutes")
    return str(value).strip()


def _hide_unseen(workbook: "Workbook", composer: Composer) -> None:
    for name in _PROPERTIES:
        composer.hide(getattr(workbook.properties, name) or "")
    for defined, reference in workbook.defined_names.items():
        composer.hide(f"{defined}: {reference.value}")
    archive = workbook._archive
    for part in archive.namelist():
        place = part.lower()
        if place.startswith(_UNSEEN_PARTS) and place.endswith(".xml"):
            composer.hide(" ".join(etree.fromstring(archive.read(part), xml_parser()).itertext()))
        elif place.startswith(_DRAWINGS) and place.endswith(".xml"):
            _drawing(archive.read(part), composer)
        elif place.endswith(".rels"):
            for reference in outside_references(archive.read(part)):
                composer.hide(reference)


def _drawing(part: bytes, composer: Composer) -> None:
    """Words in shapes float over the cells; they, names and alternative texts are nobody's table."""
    for element in etree.fromstring(part, xml_parser()).iter():
        for attribute in ("descr", "title"):
            composer.hide(element.get(attribute) or "")
        if isinstance(element.tag, str) and element.tag.endswith("}t"):
            composer.hide(element.text or "")
