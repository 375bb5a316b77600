"""Workbooks: a heading and a table for each sheet, values as Excel shows them."""

import datetime

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill

from retrieval.errors import UnreadableFile
from retrieval.ingestion.parsed import TABLE
from tests.retrieval.ingestion.made_files import archive, parsed, with_part, workbook


def costs(book: Workbook) -> None:
    sheet = book.active
    sheet.title = "Costs"
    sheet.append(["Costs of the year"])
    sheet.append([])
    sheet.append(["City", "Amount", "Share", "Paid", "Done"])
    sheet.append(["Oslo", 12.5, 0.25, datetime.date(2026, 1, 2), True])
    sheet["C4"].number_format = "0%"
    sheet.append(["Rome | Milan", 3, None, datetime.datetime(2026, 1, 3, 14, 30), False])
    other = book.create_sheet("Notes")
    other["B2"] = "Only this"


def test_each_sheet_is_a_heading_with_its_table() -> None:
    document = parsed(workbook(costs), "a.xlsx")

    assert document.text == (
        "Costs\n\nCosts of the year\n\n"
        "| City | Amount | Share | Paid | Done |\n| --- | --- | --- | --- | --- |\n"
        "| Oslo | 12.5 | 25% | 2026-01-02 | TRUE |\n"
        "| Rome \\| Milan | 3 |  | 2026-01-03 14:30 | FALSE |\n\n"
        "Notes\n\nOnly this"
    )
    assert [(section.heading_path, section.kind == TABLE) for section in document.sections] == [
        (("Costs",), False),
        (("Costs",), True),
        (("Notes",), False),
    ]


def test_numbers_without_a_header_are_rows() -> None:
    document = parsed(workbook(lambda book: book.active.append([1, 2.50, 3])), "a.xlsx")

    assert document.text == "Sheet\n\n| 1 | 2.5 | 3 |"


def test_a_cell_right_of_the_header_is_not_lost() -> None:
    def write(book: Workbook) -> None:
        book.active.append(["City", "Amount"])
        book.active.append(["Oslo", 1, None, "see below"])

    assert "| Oslo | 1 | see below |" in parsed(workbook(write), "a.xlsx").text


def test_white_words_on_a_dark_cell_are_text() -> None:
    def write(book: Workbook) -> None:
        book.active.append(["Total", "Sum"])
        for cell in book.active[1]:
            cell.font, cell.fill = Font(color="FFFFFF"), PatternFill("solid", fgColor="1F3864")

    assert "| Total | Sum |" in parsed(workbook(write), "a.xlsx").text


def test_a_formula_stands_with_the_value_it_last_had() -> None:
    content = workbook(lambda book: book.active.append(["=1+1", "x"]))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        '<c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="inlineStr"><is><t>x</t></is></c>'
        "</row></sheetData></worksheet>"
    )

    assert parsed(with_part(content, "xl/worksheets/sheet1.xml", sheet.encode()), "a.xlsx").text == (
        "Sheet\n\n| 2 | x |"
    )


def test_a_row_that_claims_to_be_the_millionth_costs_no_more_than_one() -> None:
    content = workbook(lambda book: book.active.append(["x"]))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row></sheetData></worksheet>'
    )

    assert parsed(with_part(content, "xl/worksheets/sheet1.xml", sheet.encode()), "a.xlsx").text == (
        "Sheet\n\nfar"
    )


@pytest.mark.parametrize(
    "broken",
    [
        archive([("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]),
        with_part(workbook(costs), "xl/workbook.xml", b"<x/>"),
        with_part(workbook(costs), "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row r='x'/>"),
        with_part(
            workbook(costs),
            "xl/worksheets/sheet1.xml",
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            b'<row r="1"><c r="A1" t="s"><v>99999</v></c></row></sheetData></worksheet>',
        ),
    ],
    ids=["empty", "workbook", "torn", "string"],
)
def test_a_broken_workbook_is_refused_in_one_sentence(broken: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"^a\.xlsx [^.]+\.$"):
        parsed(broken, "a.xlsx")
