"""Word documents: structure by style, what Word hides, and packages built to do harm."""

from collections.abc import Callable
from pathlib import Path

import pytest
from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_COLOR_INDEX
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import TABLE
from tests.retrieval.ingestion.made_files import POISON, archive, delete, parsed, shade, with_part, word

WHITE = RGBColor(0xFF, 0xFF, 0xFF)
HELLO = word(lambda document: document.add_paragraph("Hello"))
DOCUMENT_PART = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>"
)


def handbook(document: Document) -> None:
    document.add_paragraph("Staff handbook", style="Title")
    document.add_paragraph("For everybody.")
    document.add_heading("Leave", 1)
    document.add_paragraph("Ask early.")
    document.add_paragraph("by letter", style="List Bullet")
    document.add_paragraph("by call", style="List Number")
    document.add_heading("Sick leave", 2)
    table = document.add_table(rows=0, cols=2)
    for cells in (("Days", "Paid by"), ("1 to 42", "employer"), ("more", "insurance")):
        row = table.add_row()
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text


def test_headings_lists_and_tables_are_kept_in_order() -> None:
    document = parsed(word(handbook), "a.docx")

    assert document.title == "Staff handbook"
    assert document.text == (
        "Staff handbook\n\nFor everybody.\n\nLeave\n\nAsk early.\n- by letter\n1. by call\n\nSick leave\n\n"
        "| Days | Paid by |\n| --- | --- |\n| 1 to 42 | employer |\n| more | insurance |"
    )
    assert [section.heading_path for section in document.sections] == [
        ("Staff handbook",),
        ("Staff handbook", "Leave"),
        ("Staff handbook", "Leave", "Sick leave"),
        ("Staff handbook", "Leave", "Sick leave"),
    ]
    assert document.sections[-1].kind == TABLE


def vanished(document: Document) -> None:
    document.paragraphs[0].add_run(POISON).font.hidden = True


def white(document: Document) -> None:
    document.paragraphs[0].add_run(POISON).font.color.rgb = WHITE


def tiny(document: Document) -> None:
    document.paragraphs[0].add_run(POISON).font.size = Pt(1)


def white_by_style(document: Document) -> None:
    style = document.styles.add_style("Ghost", WD_STYLE_TYPE.PARAGRAPH)
    style.font.color.rgb = WHITE
    heir = document.styles.add_style("Heir", WD_STYLE_TYPE.PARAGRAPH)
    heir.base_style = style
    document.add_paragraph(POISON, style="Heir")


def black_on_black(document: Document) -> None:
    run = document.paragraphs[0].add_run(POISON)
    run.font.highlight_color = WD_COLOR_INDEX.BLACK


def in_a_dark_cell(document: Document) -> None:
    cell = document.add_table(rows=1, cols=2).rows[0].cells[0]
    shade(cell, "000000")
    cell.paragraphs[0].add_run(POISON)


def comment(document: Document) -> None:
    document.add_comment(document.paragraphs[0].runs, text=POISON, author="x")


def deleted(document: Document) -> None:
    delete(document.paragraphs[0].add_run(POISON))


def subject(document: Document) -> None:
    document.core_properties.subject = POISON


def keywords(document: Document) -> None:
    document.core_properties.keywords = POISON


def title_that_nobody_sees(document: Document) -> None:
    document.core_properties.title = POISON


def alt_text(document: Document) -> None:
    drawing = OxmlElement("w:drawing")
    properties = OxmlElement("wp:docPr")
    properties.set("descr", POISON)
    drawing.append(properties)
    document.paragraphs[0].add_run()._r.append(drawing)


@pytest.mark.parametrize(
    "poison",
    [
        vanished,
        white,
        tiny,
        white_by_style,
        black_on_black,
        in_a_dark_cell,
        comment,
        deleted,
        subject,
        keywords,
        title_that_nobody_sees,
        alt_text,
    ],
)
def test_poison_that_no_reader_sees_is_hidden_and_never_text(poison: Callable[..., object]) -> None:
    def write(document: Document) -> None:
        document.add_paragraph("Seen")
        poison(document)

    document = parsed(word(write), "a.docx")

    assert any(POISON in hidden for hidden in document.hidden)
    assert document.text.startswith("Seen")
    assert POISON not in document.text
    assert POISON not in document.title


def test_white_text_in_a_dark_cell_stays_text() -> None:
    def write(document: Document) -> None:
        cell = document.add_table(rows=1, cols=2).rows[0].cells[0]
        shade(cell, "003366")
        cell.paragraphs[0].add_run("Total").font.color.rgb = WHITE

    assert parsed(word(write), "a.docx").text == "| Total |  |"


def test_white_text_in_a_table_whose_style_colours_cells_stays_text() -> None:
    def write(document: Document) -> None:
        table = document.add_table(rows=1, cols=2, style="Medium Shading 1 Accent 1")
        table.rows[0].cells[0].paragraphs[0].add_run("Total").font.color.rgb = WHITE

    assert parsed(word(write), "a.docx").text == "| Total |  |"


def test_a_run_that_switches_hiding_off_stays_text() -> None:
    def write(document: Document) -> None:
        run = document.add_paragraph("Seen").runs[0]
        run.font.hidden = False

    assert parsed(word(write), "a.docx").text == "Seen"


def test_a_text_box_is_read_once() -> None:
    def write(document: Document) -> None:
        run = document.add_paragraph("Before").add_run()
        for holder in ("Choice", "Fallback"):
            compatibility = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
            element = run._r.makeelement(compatibility + holder)
            box = OxmlElement("w:txbxContent")
            paragraph = OxmlElement("w:p")
            inner = OxmlElement("w:r")
            text = OxmlElement("w:t")
            text.text = "In the box"
            inner.append(text)
            paragraph.append(inner)
            box.append(paragraph)
            element.append(box)
            run._r.append(element)

    assert parsed(word(write), "a.docx").text == "Before\n\nIn the box"


def test_the_title_among_the_properties_is_used_when_a_reader_sees_it() -> None:
    def write(document: Document) -> None:
        document.add_paragraph("Staff Handbook of Acme")
        document.core_properties.title = "staff handbook"

    assert parsed(word(write), "a.docx").title == "staff handbook"


@pytest.mark.parametrize(
    ("entries", "limits", "reason"),
    [
        ([(f"word/{n}.bin", b"") for n in range(2_001)], ParseLimits(), "2,003 files inside"),
        ([("word/media/a.bin", b"\0" * 30_000_000)], ParseLimits(), "times its size"),
        (
            [("word/media/a.bin", bytes(range(256)) * 10_000)],
            ParseLimits(zip_bytes_max=1_000_000),
            "unpacks to more",
        ),
        (
            [("word/a.bin", bytes(range(256)) * 10_000)],
            ParseLimits(zip_entry_bytes_max=1_000_000),
            "holds a part",
        ),
    ],
)
def test_an_archive_bomb_is_refused_before_it_is_unpacked(
    entries: list[tuple[str, bytes]], limits: ParseLimits, reason: str
) -> None:
    package = archive([("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>"), *entries])

    with pytest.raises(UnreadableFile, match=reason):
        parsed(package, "a.docx", limits)


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "docProps/core.xml"])
@pytest.mark.parametrize("declaration", [BOMB, '<!DOCTYPE x SYSTEM "file:///etc/passwd">'])
def test_declared_entities_are_refused_in_every_part(encoding: str, part: str, declaration: str) -> None:
    content = f'<?xml version="1.0" encoding="{encoding}"?>{declaration}{DOCUMENT_PART.format("x")}'

    with pytest.raises(UnreadableFile, match="declares a document type or entities"):
        parsed(with_part(HELLO, part, content.encode(encoding)), "a.docx")


@pytest.mark.parametrize(
    "broken",
    [
        HELLO[: len(HELLO) // 2],
        with_part(HELLO, "word/document.xml", b"<not closed"),
        with_part(HELLO, "[Content_Types].xml", b"<x/>"),
        with_part(HELLO, "_rels/.rels", b"<x/>"),
        HELLO.replace(b"word/document.xml", b"word/documant.xml"),
        archive([("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>")]),
    ],
)
def test_a_broken_document_is_refused_in_one_sentence(broken: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"^a\.docx [^.]+\.$"):
        parsed(broken, "a.docx")


def test_entries_with_paths_outside_are_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = parsed(with_part(HELLO, "../../escaped.txt", b"x"), "a.docx")

    assert document.text == "Hello"
    assert list(tmp_path.rglob("*")) == []
    assert not (tmp_path.parent.parent / "escaped.txt").exists()


def test_footnotes_are_text() -> None:
    footnotes = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:footnote><w:p><w:r><w:t>See the contract.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"

    def write(document: Document) -> None:
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part

        document.add_paragraph("Body")
        part = Part(PackURI("/word/footnotes.xml"), kind, footnotes.encode(), document.part.package)
        document.part.relate_to(part, qn("w:footnotes"))

    assert parsed(word(write), "a.docx").text == "Body\n\nSee the contract."


def with_notes(document: Document) -> None:
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
    for name, words in (("footnote", "From below."), ("endnote", "From the end.")):
        note = f'<w:{name} w:id="7"><w:p><w:r><w:t>{words}</w:t></w:r></w:p></w:{name}>'
        content = f'<w:{name}s xmlns:w="{namespace}">{note}</w:{name}s>'
        part = Part(
            PackURI(f"/word/{name}s.xml"), kind.format(f"{name}s"), content.encode(), document.part.package
        )
        document.part.relate_to(part, qn(f"w:{name}s"))
    paragraph = document.add_paragraph("First")
    for name in ("endnoteReference", "footnoteReference"):
        reference = OxmlElement(f"w:{name}")
        reference.set(qn("w:id"), "7")
        paragraph.add_run()._r.append(reference)


def test_notes_carry_the_number_of_their_mark_in_the_text() -> None:
    assert parsed(word(with_notes), "a.docx").text == "First[1][2]\n\n[1] From the end.\n\n[2] From below."


def numbered(document: Document) -> None:
    def level(number: int, kind: str, pattern: str) -> str:
        return (
            f'<w:lvl w:ilvl="{number}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
            f'<w:lvlText w:val="{pattern}"/></w:lvl>'
        )

    levels = level(0, "decimal", "%1.") + level(1, "lowerLetter", "%1.%2)") + level(2, "upperRoman", "%3")
    root = document.part.numbering_part.element
    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    from lxml import etree

    root.insert(
        0, etree.fromstring(f'<w:abstractNum {namespace} w:abstractNumId="77">{levels}</w:abstractNum>')
    )
    root.append(etree.fromstring(f'<w:num {namespace} w:numId="77"><w:abstractNumId w:val="77"/></w:num>'))
    for words, deep in (("a", 0), ("b", 1), ("c", 1), ("d", 2), ("e", 0), ("f", 1)):
        properties = document.add_paragraph(words)._p.get_or_add_pPr().get_or_add_numPr()
        properties.get_or_add_numId().val = 77
        properties.get_or_add_ilvl().val = deep


def test_list_items_carry_the_numbers_that_word_draws() -> None:
    assert parsed(word(numbered), "a.docx").text == "1. a\n  1.a) b\n  1.b) c\n    I d\n2. e\n  2.a) f"


def test_foreign_content_and_outside_templates_are_noted_and_never_text() -> None:
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

    def write(document: Document) -> None:
        document.add_paragraph("Seen")
        chunk = Part(PackURI("/word/c.html"), "text/html", b"<p>Foreign</p>", document.part.package)
        document.part.relate_to(chunk, f"{office}/aFChunk")
        document.part.relate_to("https://evil.example/t.dotm", f"{office}/attachedTemplate", is_external=True)
        document.part.relate_to("https://acme.example/", f"{office}/hyperlink", is_external=True)

    document = parsed(word(write), "a.docx")

    assert document.text == "Seen"
    assert "Foreign" in document.hidden
    assert "External reference (attachedTemplate): https://evil.example/t.dotm" in document.hidden
    assert not any("acme.example" in piece for piece in document.hidden)
