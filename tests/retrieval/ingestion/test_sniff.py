"""T-20 and T-21: what a file is, is told by its content, and its name is never a path."""

import io

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.sniff import (
    CSV,
    DOCX,
    HEAD_BYTES,
    HTML,
    MARKDOWN,
    PDF,
    TEXT,
    charset,
    delimiter,
    display_name,
    sniff,
)
from tests.retrieval.ingestion.made_files import archive, pdf_pages, word

PAGE = b"<!-- made by hand -->\n<!DOCTYPE html><html><body><p>Hello</p></body></html>"
WORD = word(lambda document: document.add_paragraph("Hello"))
TABLE = b"name;city\nAda;London\nLinus;Helsinki\n"


def sniffed(content: bytes, name: str) -> str:
    return sniff(content[:HEAD_BYTES], name, io.BytesIO(content))


def refusal(content: bytes, name: str) -> str:
    with pytest.raises(UnreadableFile) as caught:
        sniffed(content, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (pdf_pages(1), "a.pdf", PDF),
        (b"\xef\xbb\xbf\n" + pdf_pages(1), "a.PDF", PDF),
        (pdf_pages(1), "without extension", PDF),
        (WORD, "a.docx", DOCX),
        (PAGE, "a.html", HTML),
        (PAGE, "a.htm", HTML),
        (b"<?xml version='1.0'?>\n" + PAGE, "a.html", HTML),
        (b"<p>Only a fragment</p>", "a.html", HTML),
        (b"# Title\n\nText", "a.md", MARKDOWN),
        (b"<p align=center>A picture</p>\n\n# Title", "README.md", MARKDOWN),
        (b"Hello", "a.txt", TEXT),
        (TABLE, "a.csv", CSV),
        (TABLE, "a.txt", TEXT),
        (b"name\nAda\nLinus\n", "one-column.csv", CSV),
        ("Grüße".encode("latin-1"), "a.txt", TEXT),
        ("Grüße".encode("utf-16"), "a.txt", TEXT),
        ("Grüße und mehr".encode("utf-16-le"), "a.txt", TEXT),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, name: str, media_type: str) -> None:
    assert sniffed(content, name) == media_type


@pytest.mark.parametrize(
    ("content", "name", "named", "held"),
    [
        (PAGE, "a.pdf", ".pdf", "a web page"),
        (PAGE, "a.txt", ".txt", "a web page"),
        (PAGE, "a.csv", ".csv", "a web page"),
        (pdf_pages(1), "a.txt", ".txt", "a PDF document"),
        (pdf_pages(1), "a.docx", ".docx", "a PDF document"),
        (WORD, "a.pdf", ".pdf", "a Word document"),
        (b"Hello", "a.pdf", ".pdf", "plain text"),
        (b"Hello", "a.html", ".html", "plain text"),
        (b"Dear Ada,\nhow are you, and\nwhere, when, why\n", "a.csv", ".csv", "plain text"),
        (b"\x89PNG\r\n\x1a\n", "a.pdf", ".pdf", "a PNG image"),
        (b"MZ\x90\x00", "a.txt", ".txt", "a Windows program"),
        (b"\xd0\xcf\x11\xe0rest", "a.docx", ".docx", "an old or encrypted Office document"),
        (b"\x00\x01\x02\x03", "a.txt", ".txt", "binary content"),
        (b"<svg onload='x()'/>", "a.html", ".html", "XML"),
        (archive([("evil.txt", b"x")]), "a.docx", ".docx", "a ZIP archive"),
        (archive([("[Content_Types].xml", b""), ("xl/workbook.xml", b"")]), "a.docx", ".docx", "Excel"),
    ],
)
def test_a_name_that_contradicts_the_content_is_refused_naming_both(
    content: bytes, name: str, named: str, held: str
) -> None:
    message = refusal(content, name)

    assert f"named {named}" in message
    assert held in message


def test_an_unsupported_type_is_refused_with_the_supported_ones() -> None:
    assert refusal(b"AC1032", "a.dwg") == (
        "Files of type .dwg are not supported yet; supported are .pdf, .docx, .xlsx, .pptx, .odt, .rtf, .epub, "
        ".html, .htm, .xhtml, .md, .markdown, .csv, .tsv, .tab, .json, .jsonl, .ndjson, .eml, .txt, .text, "
        ".log, .zip and source code."
    )


def test_macros_are_refused_under_any_name() -> None:
    macros = archive([("[Content_Types].xml", b""), ("word/document.xml", b""), ("word/vbaProject.bin", b"")])

    assert "macros" in refusal(macros, "a.docx")
    assert "macros" in refusal(macros, "a.docm")


def test_an_empty_file_and_a_torn_archive_are_refused() -> None:
    assert refusal(b"", "a.txt") == "a.txt is empty."
    assert "damaged" in refusal(WORD[:500], "a.docx")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\ada\\plan.docx", "plan.docx"),
        ("a\x00.txt", "a.txt"),
        ("line\nbreak\u202etxt.pdf", "linebreaktxt.pdf"),
        ("/", "unnamed file"),
        ("x" * 500 + ".txt", "x" * 116 + ".txt"),
    ],
)
def test_a_shown_name_has_no_folder_and_no_control_character(name: str, shown: str) -> None:
    assert display_name(name) == shown


def test_a_character_cut_at_the_end_of_the_head_does_not_change_the_charset() -> None:
    cut = "Straße".encode()[:5]

    assert charset(cut, partial=True) == "utf-8"
    assert charset(cut) == "cp1252"


def test_a_row_of_comments_is_sniffed_in_linear_time() -> None:
    assert sniffed(b"<!-- -->" * 5_000 + b"x <b>y</b>", "a.html") == HTML


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n2,5;3\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ('a,b\n"x,y",2\n3,"4\n5"\n', ","),
        ("a\n1\n", ","),
        ("", None),
        ("one, two\nthree\n", None),
    ],
)
def test_the_delimiter_is_the_mark_that_makes_equal_rows(text: str, mark: str | None) -> None:
    assert delimiter(text) == mark
