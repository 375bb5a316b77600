"""The scan of a file: what it embeds is found and named, and what is everyday is let through."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from retrieval.errors import ScannerUnavailable, UnreadableFile
from retrieval.ingestion.scan import findings
from retrieval.ingestion.scan.files import Scanner, scan_file
from retrieval.ingestion.scan.findings import Finding, Findings
from tests.retrieval.ingestion.made_files import (
    archive,
    opendocument,
    pdf_pages,
    slides,
    with_part,
    word,
    workbook,
)
from tests.support.clamd_server import clamd_server, eicar

Scan = Callable[..., Findings]

WORD = word(lambda document: document.add_paragraph("Hello"))
SHEET = workbook(lambda book_: book_.active.append(["Hello", "there"]))
SHOW = slides(lambda show: show.slides.add_slide(show.slide_layouts[5]))
PROGRAM = b"MZ" + b"\0" * 58 + (64).to_bytes(4, "little") + b"PE\0\0" + b"\0" * 100
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with Scanner("") as opened:
        yield opened


@pytest.fixture
def scan(scanner: Scanner, tmp_path: Path) -> Scan:
    def one(content: bytes, name: str, with_scanner: Scanner = scanner) -> Findings:
        path = tmp_path / "0d9f"
        path.write_bytes(content)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return with_scanner.scan(descriptor, name)
        finally:
            os.close(descriptor)

    return one


def rules(found: Findings) -> set[str]:
    return {finding.rule for finding in found.found}


# --- Office ---------------------------------------------------------------------------------------

MACROS = {
    "a.docx": (WORD, "word/vbaProject.bin"),
    "a.xlsx": (SHEET, "xl/vbaProject.bin"),
    "sheet.xlsx": (SHEET, "xl/macrosheets/sheet1.xml"),
    "a.pptx": (SHOW, "ppt/vbaProject.bin"),
    "a.odt": (opendocument("<text:p>Hello</text:p>"), "Basic/Standard/Module1.xml"),
}


@pytest.mark.parametrize("name", MACROS)
def test_macros_are_refused_in_every_office_format(scan: Scan, name: str) -> None:
    whole, part = MACROS[name]

    with pytest.raises(UnreadableFile, match=r"carries macros .*; save it without them"):
        scan(with_part(whole, part, b"<x/>"), name)


@pytest.mark.parametrize(
    ("part", "content", "rule"),
    [
        ("word/embeddings/oleObject1.bin", PROGRAM, findings.PROGRAM),
        ("word/embeddings/invoice.exe", b"anything", findings.PROGRAM),
        (
            "word/embeddings/oleObject1.bin",
            COMPOUND + "\x01Ole10Native".encode("utf-16-le"),
            findings.OBJECT,
        ),
        ("word/embeddings/oleObject1.bin", COMPOUND + "Package".encode("utf-16-le"), findings.OBJECT),
        ("word/embeddings/oleObject1.bin", COMPOUND + "_VBA_PROJECT".encode("utf-16-le"), findings.MACROS),
        ("word/embeddings/Sheet.xlsx", with_part(SHEET, "xl/vbaProject.bin", b"x"), findings.MACROS),
        ("word/embeddings/Files.zip.bin", archive([("run.exe", b"x")]), findings.PROGRAM),
        ("word/activeX/activeX1.xml", b"<x/>", findings.CONTROL),
    ],
    ids=["program", "name", "native", "package", "compound-macros", "macros", "zip", "activex"],
)
def test_what_an_office_file_embeds_brings_quarantine(
    scan: Scan, part: str, content: bytes, rule: str
) -> None:
    found = scan(with_part(WORD, part, content), "a.docx")

    assert rule in rules(found)
    assert found.blocked
    assert part.rpartition("/")[2] in found.reason


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("word/embeddings/Microsoft_Excel_Sheet.xlsx", SHEET),
        ("word/embeddings/oleObject1.bin", COMPOUND + "Equation Native".encode("utf-16-le")),
        ("word/media/image1.png", b"\x89PNG\r\n"),
    ],
    ids=["chart", "equation", "picture"],
)
def test_a_workbook_behind_a_chart_an_equation_and_a_picture_are_everyday(
    scan: Scan, part: str, content: bytes
) -> None:
    assert scan(with_part(WORD, part, content), "a.docx").found == ()


def test_objects_in_rich_text_bring_quarantine(scan: Scan) -> None:
    assert scan(rb"{\rtf1 Hello {\object\objemb{\*\objdata 0105}}}", "a.rtf").blocked
    assert not scan(rb"{\rtf1 Hello}", "a.rtf").blocked


# --- PDF ------------------------------------------------------------------------------------------


def pdf_with(write: Callable[[PdfWriter], object]) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_pages(2))))
    write(writer)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def action(kind: str, **more: str) -> DictionaryObject:
    entries = {"/S": NameObject(kind)} | {f"/{key}": TextStringObject(text) for key, text in more.items()}
    return DictionaryObject({NameObject(key): value for key, value in entries.items()})


def on_open(kind: str, **more: str) -> Callable[[PdfWriter], None]:
    def write(writer: PdfWriter) -> None:
        writer.root_object[NameObject("/OpenAction")] = action(kind, **more)

    return write


def on_a_link(writer: PdfWriter) -> None:
    link = DictionaryObject(
        {
            NameObject("/Subtype"): NameObject("/Link"),
            NameObject("/A"): action("/Launch", F="run.exe"),
        }
    )
    writer.pages[1][NameObject("/Annots")] = ArrayObject([writer._add_object(link)])


def by_name(writer: PdfWriter) -> None:
    names = ArrayObject([TextStringObject("x"), writer._add_object(action("/JavaScript", JS="app.alert(1)"))])
    tree = DictionaryObject({NameObject("/Names"): names})
    writer.root_object[NameObject("/Names")] = DictionaryObject({NameObject("/JavaScript"): tree})


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (by_name, findings.SCRIPT),
        (on_open("/JavaScript", JS="this.exportDataObject()"), findings.SCRIPT),
        (on_open("/Launch", F="cmd.exe"), findings.LAUNCH),
        (on_a_link, findings.LAUNCH),
        (lambda writer: writer.add_attachment("run.exe", b"anything"), findings.PROGRAM),
        (lambda writer: writer.add_attachment("figures.xml", PROGRAM), findings.PROGRAM),
    ],
    ids=["by-name", "on-open", "launch", "link", "attached-name", "attached-content"],
)
def test_what_a_pdf_runs_or_opens_brings_quarantine(
    scan: Scan, write: Callable[[PdfWriter], object], rule: str
) -> None:
    found = scan(pdf_with(write), "a.pdf")

    assert rule in rules(found)
    assert found.blocked


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (lambda writer: writer.add_attachment("factur-x.xml", b"<invoice/>"), findings.ATTACHMENT),
        (on_open("/JavaScript", JS='AFNumber_Format(2, 0, 0, 0, "", true);'), findings.FORM_SCRIPT),
    ],
    ids=["invoice", "form"],
)
def test_an_invoices_figures_and_a_forms_formats_are_noted_and_hold_nothing_back(
    scan: Scan, write: Callable[[PdfWriter], object], rule: str
) -> None:
    found = scan(pdf_with(write), "a.pdf")

    assert rules(found) == {rule}
    assert not found.blocked
    assert found.reason == ""


def compressed_pdf() -> bytes:
    """A PDF whose objects, a script among them, all stand in one compressed stream."""
    inside = {
        1: b"<</Type/Catalog/Pages 2 0 R/OpenAction 5 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]>>",
        5: b"<</S/JavaScript/JS(app.alert\\(1\\))>>",
    }
    numbers, bodies = b"", b""
    for number, body in inside.items():
        numbers += b"%d %d " % (number, len(bodies))
        bodies += body + b" "
    packed = zlib.compress(numbers + bodies)
    start = b"%PDF-1.5\n"
    stream = (
        b"4 0 obj<</Type/ObjStm/N 4/First %d/Filter/FlateDecode/Length %d>>stream\n%s\nendstream\nendobj\n"
        % (
            len(numbers),
            len(packed),
            packed,
        )
    )
    rows = [(0, 0, 255), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, len(start), 0), (2, 4, 3)]
    rows.append((1, len(start) + len(stream), 0))
    table = b"".join(struct.pack(">BHB", *row) for row in rows)
    references = (
        b"6 0 obj<</Type/XRef/Size 7/W[1 2 1]/Root 1 0 R/Length %d>>stream\n%s\nendstream\nendobj\n"
        % (
            len(table),
            table,
        )
    )
    return start + stream + references + b"startxref\n%d\n%%%%EOF" % (len(start) + len(stream))


def test_a_script_in_compressed_objects_is_found(scan: Scan) -> None:
    content = compressed_pdf()

    assert b"JavaScript" not in content
    assert rules(scan(content, "a.pdf")) == {findings.SCRIPT}


def test_a_script_under_an_escaped_name_is_found(scan: Scan) -> None:
    content = (
        pdf_with(on_open("/JavaScript", JS="x()"))
        .replace(b"/JavaScript", b"/Java#53cript")
        .replace(b"/JS", b"/J#53")
    )

    assert findings.SCRIPT in rules(scan(content, "a.pdf"))


def test_a_pdf_whose_inside_cannot_be_followed_is_refused(scan: Scan) -> None:
    content = pdf_with(on_open("/Launch", F="x"))

    with pytest.raises(UnreadableFile, match="cannot be checked for programs"):
        scan(content.replace(b"/Root", b"/Rust"), "a.pdf")


# --- The whole --------------------------------------------------------------------------------------


def test_known_malware_brings_quarantine_and_is_not_looked_into(scan: Scan) -> None:
    with clamd_server() as server, Scanner(server.address) as guarded:
        found = scan(eicar(), "a.txt", guarded)

    assert rules(found) == {findings.MALWARE}
    assert found.reason == "The virus scanner knows it as Eicar-Test-Signature."


def test_a_file_is_not_found_clean_while_the_scanner_is_away(scan: Scan, tmp_path: Path) -> None:
    with Scanner(f"unix:{tmp_path}/absent") as guarded, pytest.raises(ScannerUnavailable):
        scan(b"Hello", "a.txt", guarded)


def test_the_setting_decides_whether_a_scanner_is_asked(tmp_path: Path, settings: object) -> None:
    path = tmp_path / "a"
    path.write_bytes(eicar())
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert not scan_file(descriptor, "a.txt").blocked
        with clamd_server() as server:
            settings.RAGSITE_CLAMAV = server.address  # type: ignore[attr-defined]
            assert scan_file(descriptor, "a.txt").blocked
    finally:
        os.close(descriptor)


def test_plain_files_are_scanned_without_a_process(scan: Scan) -> None:
    with Scanner("") as fresh:
        for content, name in (
            (b"Hello", "a.txt"),
            (WORD, "a.docx"),
            (SHEET, "a.xlsx"),
            (pdf_pages(3), "a.pdf"),
        ):
            assert scan(content, name, fresh).found == ()
        assert fresh._pool._child is None


def test_a_damaged_office_file_is_refused_in_one_sentence(scan: Scan) -> None:
    broken = bytearray(with_part(WORD, "word/embeddings/oleObject1.bin", COMPOUND))
    with zipfile.ZipFile(io.BytesIO(broken)) as opened:
        start = opened.getinfo("word/embeddings/oleObject1.bin").header_offset
    broken[start : start + 4] = b"XXXX"

    with pytest.raises(UnreadableFile, match=r"^a\.docx is a damaged, encrypted or incomplete .*\.$"):
        scan(bytes(broken), "a.docx")


def test_a_finding_has_a_rule_that_exists_and_shows_no_control_character() -> None:
    with pytest.raises(ValueError, match="no scan finds"):
        Finding(rule="whatever", detail="")

    assert Finding(rule=findings.LAUNCH, detail="a\x00\nb").sentence.endswith("(ab).")
