"""EPUB, OpenDocument and rich text: headings, lists, tables and notes in reading order."""

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.parsed import TABLE
from tests.retrieval.ingestion.made_files import book, opendocument, parsed, with_part

FIRST = "<html><head><title>One</title></head><body><p>First page.</p></body></html>"
SECOND = "<html><body><h1>Two</h1><p>Second page.</p></body></html>"


def test_the_chapters_of_a_book_come_in_the_order_of_its_spine() -> None:
    document = parsed(book({"z.xhtml": FIRST, "text/a b.xhtml".replace(" ", "-"): SECOND}), "a.epub")

    assert document.text == "One\n\nFirst page.\n\nTwo\n\nSecond page."
    assert [section.heading_path for section in document.sections] == [("One",), ("Two",)]


def test_the_title_of_a_book_is_used_when_a_reader_sees_it() -> None:
    metadata = "<dc:title>second PAGE</dc:title><dc:subject>law</dc:subject>"
    document = parsed(book({"1.xhtml": SECOND}, metadata=metadata), "a.epub")

    assert document.title == "second PAGE"
    assert "law" in document.hidden


def test_a_locked_book_is_refused_and_one_with_scrambled_fonts_is_read() -> None:
    def encrypted(method: str) -> bytes:
        entry = f'<x><EncryptionMethod Algorithm="{method}"/></x>'.encode()
        return book({"1.xhtml": FIRST}, more={"META-INF/encryption.xml": entry})

    assert "First page." in parsed(encrypted("http://www.idpf.org/2008/embedding"), "a.epub").text
    with pytest.raises(UnreadableFile, match=r"^a\.epub is locked by a seller \(DRM\) and cannot be read\.$"):
        parsed(encrypted("http://www.w3.org/2001/04/xmlenc#aes128-cbc"), "a.epub")


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("META-INF/container.xml", b"<not closed"),
        ("OEBPS/book.opf", b"<package><manifest/><spine/></package>"),
        ("META-INF/container.xml", b"<container><rootfile full-path='../../etc/passwd'/></container>"),
    ],
    ids=["container", "spine", "outside"],
)
def test_a_broken_book_is_refused_in_one_sentence(part: str, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"^a\.epub [^.]+\.$"):
        parsed(with_part(book({"1.xhtml": FIRST}), part, content), "a.epub")


BODY = """
<text:p text:style-name="P1">Handbook</text:p>
<text:h text:outline-level="1">Leave</text:h>
<text:p>Ask<text:s/>early<text:note><text:note-body><text:p>By letter.</text:p></text:note-body></text:note>.</text:p>
<text:list text:style-name="L1"><text:list-item><text:p>one</text:p>
<text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item>
<text:list-item><text:p>two</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>Days</text:p></table:table-cell>
<table:table-cell><text:p>Paid</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell><text:p>42</text:p></table:table-cell>
<table:table-cell><text:p>yes</text:p></table:table-cell></table:table-row></table:table>
""".replace("\n", "")
STYLES = """
<style:style style:name="P1" style:parent-style-name="Title"/>
<text:list-style style:name="L1"><text:list-level-style-number text:level="1"/></text:list-style>
"""
COMMON = (
    '<office:document-styles xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"><office:styles>'
    '<style:style style:name="Title"/></office:styles></office:document-styles>'
)


def test_an_opendocument_text_keeps_headings_lists_notes_and_tables() -> None:
    content = opendocument(BODY, styles=STYLES, more={"styles.xml": COMMON.encode()})
    document = parsed(content, "a.odt")

    assert document.title == "Handbook"
    assert document.text == (
        "Handbook\n\nLeave\n\nAsk early[1].\n1. one\n  - inner\n2. two\n\n"
        "| Days | Paid |\n| --- | --- |\n| 42 | yes |\n\n[1] By letter."
    )
    assert document.sections[1].heading_path == ("Handbook", "Leave")
    assert TABLE in [section.kind for section in document.sections]


def test_an_encrypted_opendocument_text_is_refused() -> None:
    manifest = b"<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    content = opendocument(
        BODY, more={"META-INF/manifest.xml": b"<x xmlns:manifest='m'>" + manifest + b"</x>"}
    )

    with pytest.raises(UnreadableFile, match=r"^a\.odt is encrypted; send a copy without a password\.$"):
        parsed(content, "a.odt")


def test_a_cell_that_repeats_itself_a_billion_times_is_bounded() -> None:
    cell = (
        '<table:table-cell table:number-columns-repeated="1000000000"><text:p>x</text:p></table:table-cell>'
    )
    document = parsed(
        opendocument(f"<table:table><table:table-row>{cell}</table:table-row></table:table>"), "a.odt"
    )

    assert document.text.count("x") == 1_000


RICH = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\stylesheet{\s1 heading 1;}}
{\info{\title Secret title}}\pard\s1\outlinelevel0 Leave\par\pard Ask early{\footnote By letter.}, with gr\'fc\'dfe
 and \u8364? \u-10179?\u-8704?.\par\pard\intbl Days\cell Paid\cell\row\intbl 42\cell yes\cell\row
\pard {\b Bold} end.{\pict\pngblip 89504e47}\par}"""


def test_rich_text_keeps_headings_tables_notes_and_characters() -> None:
    document = parsed(RICH, "a.rtf")

    assert document.text == (
        "Leave\n\nAsk early By letter., with grüße and € 😀.\n\n"
        "| Days | Paid |\n| --- | --- |\n| 42 | yes |\n\nBold end."
    )
    assert document.title == "Leave"
    assert document.hidden == ("Secret title",)


def test_what_only_hides_for_a_word_is_taken_aside_alone() -> None:
    document = parsed(rb"{\rtf1\ansi One {\v two} three {\v four} five.\par}", "a.rtf")

    assert document.text.split() == ["One", "three", "five."]
    assert document.hidden == ("two four",)


def test_raw_bytes_in_rich_text_end_no_group() -> None:
    assert parsed(b"{\\rtf1\\ansi Before {\\pict\\bin6 }}}}}} }after.\\par}", "a.rtf").text == "Before after."
