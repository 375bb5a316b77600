"""T-20 to T-22 of the checklist: names are never paths, types are never believed, bombs cost a child process."""

import contextlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from retrieval.errors import UnreadableFile
from retrieval.ingestion import vault
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.receive import Upload, receive
from retrieval.ingestion.sandbox import ParserPool
from retrieval.ingestion.scan.files import Scanner
from tests.factories import a_collection, a_tenant
from tests.retrieval.ingestion.made_files import (
    archive,
    book,
    letter,
    opendocument,
    pdf_pages,
    slides,
    with_part,
    word,
    workbook,
)
from tests.support.originals import name_of

Read = Callable[[bytes, str], ParsedDocument]

TIGHT = ParseLimits(
    wall_seconds_max=20,
    cpu_seconds_max=10,
    pages_max=50,
    zip_bytes_max=20_000_000,
    zip_entry_bytes_max=10_000_000,
)
WORD = word(lambda document: document.add_paragraph("Hello"))
SHEET = workbook(lambda book_: book_.active.append(["Hello", "there"]))
SHOW = slides(lambda show: show.slides.add_slide(show.slide_layouts[5]))
PAGE = b"<!DOCTYPE html><html><body><p>Hello</p></body></html>"
BOOK = book({"1.xhtml": PAGE.decode()})
OPEN_TEXT = opendocument("<text:p>Hello</text:p>")


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(TIGHT) as opened:
        yield opened


@pytest.fixture
def read(pool: ParserPool, tmp_path: Path) -> Read:
    """Read a file in the sandbox; after each refusal the pool must read the next."""

    def in_the_sandbox(content: bytes, name: str) -> ParsedDocument:
        path = tmp_path / "0d9f"
        path.write_bytes(content)
        return pool.parse(path, name)

    return in_the_sandbox


def refusal(read: Read, content: bytes, name: str) -> str:
    """The one sentence, after which a good file goes through in the same pool."""
    with pytest.raises(UnreadableFile) as caught:
        read(content, name)
    assert read(b"The next one.", "next.txt").text == "The next one."
    return str(caught.value)


# --- T-20 -----------------------------------------------------------------------------------------


def packed(name: str, content: bytes = b"evil", mode: int = 0o600 | stat.S_IFREG) -> bytes:
    """An archive with one good entry and one whose name is written as it is."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as opened:
        opened.writestr("good.txt", "The good one.")
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        entry.external_attr = mode << 16
        opened.writestr(entry, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../evil.txt", "leads out of the archive"),
        ("a/../../evil.txt", "leads out of the archive"),
        ("..\\..\\evil.txt", "leads out of the archive"),
        ("/etc/evil.txt", "path from the root"),
        ("\\\\server\\share\\evil.txt", "path from the root"),
        ("C:/evil.txt", "path from the root"),
        ("c:evil.txt", "path from the root"),
        ("\u2024\u2024/evil.txt", "leads out of the archive"),
        ("\uff0e\uff0e/evil.txt", "leads out of the archive"),
        ("\u2025/evil.txt", "leads out of the archive"),
        ("..\u2215evil.txt", "leads out of the archive"),
        ("..\uff0fevil.txt", "leads out of the archive"),
        ("..\uff3cevil.txt", "leads out of the archive"),
        ("evil.txt\x00.txt", "NUL"),
    ],
    ids=lambda value: value.encode("unicode_escape").decode() if isinstance(value, str) else None,
)
def test_t20_an_entry_whose_name_leads_out_is_left_out_with_its_reason(
    read: Read, name: str, reason: str
) -> None:
    document = read(packed(name), "a.zip")

    assert "The good one." in document.text
    assert "evil\n" not in document.text
    assert "Not taken in: " in document.text
    assert reason in document.text


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(stat.S_IFLNK | 0o777, "is a link"), (stat.S_IFIFO | 0o600, "not a plain file")],
    ids=["link", "pipe"],
)
def test_t20_a_link_in_an_archive_is_never_followed(read: Read, mode: int, reason: str) -> None:
    document = read(packed("notes.txt", b"/etc/passwd", mode), "a.zip")

    assert reason in document.text
    assert "root:" not in document.text
    assert "/etc/passwd" not in document.text


def test_t20_of_two_entries_with_one_name_the_first_is_read(read: Read) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = archive([("a.txt", b"The first."), ("a.txt", b"The second.")])
    document = read(content, "a.zip")

    assert "The first." in document.text
    assert "The second." not in document.text
    assert "another entry has the same name" in document.text


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/evil.txt", "C:\\evil.txt", "a\x00.txt", "\u2024\u2024/e.txt"]
)
@pytest.mark.parametrize("inside", [WORD, SHEET, BOOK, OPEN_TEXT], ids=["docx", "xlsx", "epub", "odt"])
def test_t20_a_strange_name_inside_a_document_writes_nothing(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bytes, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    extension = {WORD: "docx", SHEET: "xlsx", BOOK: "epub", OPEN_TEXT: "odt"}[inside]
    document = read(with_part(inside, name, b"evil"), f"a.{extension}")

    assert "Hello" in document.text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0d9f"]


NAMES = [
    "../../etc/passwd.txt",
    "/etc/passwd.txt",
    "C:\\Windows\\win.txt",
    "a\x00.txt",
    "\u2024\u2024/\uff0e\uff0e/x.txt",
    "\u202etxt.exe.txt",
    "年度報告.txt",
    "отчёт.txt",
    "تقرير.txt",
    "दस्तावेज़.txt",
    "έγγραφο.txt",
    "😀.txt",
    "n" * 5_000 + ".txt",
]


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_t20_a_stored_file_has_a_random_name_in_every_script(name: str) -> None:
    collection = a_collection(a_tenant())
    upload = Upload(name=name, content=ContentFile(b"Hello " + name.encode()))
    kept = receive(collection, upload, lambda *_: None, 1_000_000).document

    stored = name_of(kept)
    stem = Path(stored).stem
    assert len(stem) == 32
    assert set(stem) <= set("0123456789abcdef")
    place = vault.storage()
    assert Path(place.path(stored)).resolve().is_relative_to(Path(place.location).resolve())
    vault.delete(stored)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_t20_a_file_is_read_whatever_its_name_spells(read: Read, name: str) -> None:
    assert read(b"Only this.", name).text == "Only this."


# --- T-21 -----------------------------------------------------------------------------------------

GOOD = {
    "a.pdf": (pdf_pages(1), "application/pdf"),
    "a.docx": (WORD, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "a.xlsx": (SHEET, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "a.pptx": (SHOW, "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    "a.odt": (OPEN_TEXT, "application/vnd.oasis.opendocument.text"),
    "a.epub": (BOOK, "application/epub+zip"),
    "a.rtf": (rb"{\rtf1 Hello}", "text/rtf"),
    "a.html": (PAGE, "text/html"),
    "a.md": (b"# Hello", "text/markdown"),
    "a.csv": (b"a,b\n1,2\n", "text/csv"),
    "a.tsv": (b"a\tb\n1\t2\n", "text/tab-separated-values"),
    "a.json": (b'{"a": 1}', "application/json"),
    "a.jsonl": (b'{"a": 1}\n{"a": 2}\n', "application/jsonl"),
    "a.eml": (letter("Hello"), "message/rfc822"),
    "a.py": (b"print('Hello')\n", "text/x-python"),
    "a.txt": (b"Hello", "text/plain"),
    "a.zip": (archive([("a.txt", b"Hello")]), "application/zip"),
}


@pytest.fixture
def scan(tmp_path: Path) -> Callable[..., object]:
    def one(content: bytes, name: str, declared: str = "") -> object:
        path = tmp_path / "0d9f"
        path.write_bytes(content)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            with Scanner("", TIGHT) as scanner:
                return scanner.scan(descriptor, name, declared)
        finally:
            os.close(descriptor)

    return one


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("declared", ["", "application/octet-stream", "own"])
def test_t21_content_name_and_declared_type_that_agree_are_let_in(
    scan: Callable[..., object], name: str, declared: str
) -> None:
    content, own = GOOD[name]

    assert not scan(content, name, own if declared == "own" else declared).found  # type: ignore[attr-defined]


FALSE_CLAIMS = [
    (name, declared)
    for name, (_, own) in GOOD.items()
    for declared in ("image/png", "text/html", "application/pdf", "application/x-msdownload")
    if declared != own
]


@pytest.mark.parametrize(("name", "declared"), FALSE_CLAIMS)
def test_t21_a_declared_type_that_contradicts_the_content_is_refused_naming_both(
    scan: Callable[..., object], name: str, declared: str
) -> None:
    with pytest.raises(UnreadableFile) as caught:
        scan(GOOD[name][0], name, declared)

    assert str(caught.value).startswith(f"{name} was sent as {declared} but holds ")


BINARY = ("a.pdf", "a.docx", "a.xlsx", "a.pptx", "a.odt", "a.epub", "a.rtf", "a.zip", "a.html")
FALSE_NAMES = [
    (name, extension)
    for name in BINARY
    for extension in (".pdf", ".docx", ".txt", ".csv", ".json", ".png")
    if not name.endswith(extension)
]


@pytest.mark.parametrize(("name", "extension"), FALSE_NAMES)
def test_t21_a_name_that_contradicts_the_content_is_refused(
    scan: Callable[..., object], name: str, extension: str
) -> None:
    with pytest.raises(UnreadableFile, match=r"is named|not supported yet"):
        scan(GOOD[name][0], f"a{extension}")


def test_t21_a_page_sent_as_plain_text_is_refused(scan: Callable[..., object]) -> None:
    with pytest.raises(UnreadableFile, match="was sent as text/plain but holds a web page"):
        scan(PAGE, "a.html", "text/plain; charset=utf-8")


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PAGE + archive([("a.txt", b"x")]), "a.html"),
        (b"Hello\n" * 20_000 + archive([("a.txt", b"x")]), "a.txt"),
        (pdf_pages(1) + archive([("a.txt", b"x")]), "a.pdf"),
        (PNG + archive([("a.txt", b"x")]), "a.png"),
        (b"GIF89a" + pdf_pages(1), "a.pdf"),
        (b"<html><body>" + pdf_pages(1), "a.html"),
    ],
    ids=["html+zip", "text+zip", "pdf+zip", "png+zip", "gif+pdf", "html+pdf"],
)
def test_t21_a_file_of_two_kinds_is_refused(scan: Callable[..., object], content: bytes, name: str) -> None:
    with pytest.raises(UnreadableFile, match=r"at once|is named .pdf but holds|not supported yet"):
        scan(content, name)


# --- T-22 -----------------------------------------------------------------------------------------

LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{("&a" + (str(n - 1) if n else "") + ";") * 10}">' for n in range(9))
    + "]>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARTS = {
    "a.docx": (WORD, "word/document.xml"),
    "a.xlsx": (SHEET, "xl/worksheets/sheet1.xml"),
    "a.pptx": (SHOW, "ppt/slides/slide1.xml"),
    "a.odt": (OPEN_TEXT, "content.xml"),
}


@pytest.mark.parametrize("declaration", [LAUGHS, OUTSIDE], ids=["laughs", "outside"])
@pytest.mark.parametrize("name", PARTS)
def test_t22_declared_entities_are_refused_in_every_office_format(
    read: Read, name: str, declaration: str
) -> None:
    whole, part = PARTS[name]
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        content = opened.read(part).decode()
    start = content.index("?>") + 2 if content.startswith("<?xml") else 0
    poisoned = with_part(whole, part, (content[:start] + declaration + content[start:]).encode())

    assert "declares a document type or entities" in refusal(read, poisoned, name)


@pytest.mark.parametrize("declaration", [LAUGHS, OUTSIDE], ids=["laughs", "outside"])
@pytest.mark.parametrize("place", ["META-INF/container.xml", "OEBPS/book.opf", "OEBPS/1.xhtml"])
def test_t22_entities_in_a_book_are_never_expanded(read: Read, place: str, declaration: str) -> None:
    with zipfile.ZipFile(io.BytesIO(BOOK)) as opened:
        content = opened.read(place).decode().replace("<!DOCTYPE html>", "")
    body = content.replace("Hello", "Hello &a8; &a;")
    document = read(with_part(BOOK, place, (declaration + body).encode()), "a.epub")

    assert "Hello" in document.text
    assert "haha" not in document.text
    assert "root:" not in document.text


@pytest.mark.parametrize("declaration", [LAUGHS, OUTSIDE], ids=["laughs", "outside"])
def test_t22_entities_in_a_page_are_never_expanded(read: Read, declaration: str) -> None:
    document = read(
        f"<!DOCTYPE html>{declaration}<html><body>Hello &a8; &a;</body></html>".encode(), "a.html"
    )

    assert "haha" not in document.text
    assert "root:" not in document.text


def zeros(megabytes: int) -> bytes:
    return b"\0" * megabytes * 1_000_000


@pytest.mark.parametrize(
    ("name", "whole", "part"),
    [
        ("a.docx", WORD, "word/media/x.bin"),
        ("a.xlsx", SHEET, "xl/media/x.bin"),
        ("a.pptx", SHOW, "ppt/media/x.bin"),
        ("a.odt", OPEN_TEXT, "Pictures/x.bin"),
        ("a.epub", BOOK, "OEBPS/x.bin"),
    ],
    ids=["docx", "xlsx", "pptx", "odt", "epub"],
)
def test_t22_a_part_that_unpacks_to_a_thousand_times_its_size_is_refused(
    read: Read, name: str, whole: bytes, part: str
) -> None:
    assert "times its size" in refusal(read, with_part(whole, part, zeros(9)), name)


def test_t22_a_bomb_in_an_archive_is_left_out_and_its_neighbours_are_read(read: Read) -> None:
    document = read(archive([("bomb.txt", zeros(9)), ("good.txt", b"The good one.")]), "a.zip")

    assert "The good one." in document.text
    assert "bomb.txt (it unpacks to more than 200 times its size)" in document.text


def lying(content: bytes) -> bytes:
    """The same archive with every declared unpacked size set to ten bytes."""
    altered = bytearray(content)
    for signature, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = 0
        while (found := altered.find(signature, start)) >= 0:
            altered[found + place : found + place + 4] = (10).to_bytes(4, "little")
            start = found + 4
    return bytes(altered)


def test_t22_an_archive_that_lies_about_its_sizes_gains_nothing(read: Read) -> None:
    content = lying(archive([("bomb.txt", zeros(9)), ("other.txt", zeros(9))]))

    assert "holds no document that can be taken in" in refusal(read, content, "a.zip")


def test_t22_small_entries_that_sum_up_are_held_by_the_whole(read: Read) -> None:
    noise = os.urandom(600_000)
    content = archive([(f"{n}.txt", noise) for n in range(50)])

    assert refusal(read, content, "a.zip") == "a.zip unpacks to more than 20 MB."


def test_t22_nested_archives_share_one_budget(read: Read) -> None:
    noise = os.urandom(600_000)
    inner = archive([(f"{n}.txt", noise) for n in range(15)])

    assert "unpacks to more than 20 MB" in refusal(
        read, archive([(f"{n}.zip", inner) for n in range(4)]), "a.zip"
    )


def test_t22_archives_within_archives_end_at_the_second(read: Read) -> None:
    content = b"The innermost."
    for depth in range(40):
        content = archive([(f"{depth}.{'txt' if depth == 0 else 'zip'}", content)])

    assert "too deep to be opened" in refusal(read, content, "a.zip")


def test_t22_letters_within_letters_end_at_the_third(read: Read) -> None:
    content = letter("The innermost.")
    for depth in range(10):
        content = letter(f"Letter {depth}.", attachments={"inner.eml": content})
    document = read(content, "a.eml")

    assert "Letter 7." in document.text
    assert "Letter 6." not in document.text
    assert "too deep to be opened" in document.text


def test_t22_an_archive_of_a_hundred_thousand_entries_is_refused_with_its_number(read: Read) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as opened:
        for number in range(100_000):
            opened.writestr(zipfile.ZipInfo(f"{number}.txt"), b"")

    message = refusal(read, target.getvalue(), "a.zip")
    assert message == "a.zip holds 100,000 files inside; at most 2,000 are taken in. Split it."


def test_t22_an_archive_that_lies_about_its_entries_is_refused(read: Read) -> None:
    content = bytearray(archive([(f"{number:0>600}.txt", b"") for number in range(4_000)]))
    end = content.rfind(b"PK\x05\x06")
    content[end + 8 : end + 12] = (1).to_bytes(2, "little") * 2

    assert "files inside; at most 2,000 are taken in" in refusal(read, bytes(content), "a.zip")


def test_t22_a_pdf_with_too_many_pages_is_refused_with_both_numbers(read: Read) -> None:
    message = refusal(read, pdf_pages(60), "a.pdf")

    assert message == "a.pdf has 60 pages; at most 50 are taken in."


def huge_picture() -> bytes:
    """A page whose one picture unpacks to 20,000 by 20,000 points."""
    import zlib

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * 20_000) for _ in range(20_000)) + packer.flush()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
        b"<</Length 30>>stream\nq 600 0 0 800 0 0 cm /I Do Q   \nendstream",
        b"<</Type/XObject/Subtype/Image/Width 20000/Height 20000/BitsPerComponent 8/ColorSpace/DeviceGray"
        b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(rows), rows),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, one)
    table = b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + table + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)


def test_t22_a_picture_that_unpacks_beyond_all_memory_is_a_refusal(read: Read) -> None:
    assert refusal(read, huge_picture(), "a.pdf").startswith("a.pdf ")


@pytest.mark.parametrize(
    "content",
    [b"[" * 1_000_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 150 + b"1" + b"]" * 150],
    ids=["open", "objects", "closed"],
)
def test_t22_json_nested_without_end_is_refused_in_one_sentence(read: Read, content: bytes) -> None:
    message = refusal(read, content, "a.json")

    assert message == "a.json is nested more than 100 levels deep and cannot be read."


def test_t22_a_number_of_a_million_digits_is_only_text(read: Read) -> None:
    assert len(read(b"[" + b"9" * 1_000_000 + b"]", "a.json").text) > 1_000_000


INNER_PART = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n"
ENDLESS = {
    "a.html": b"<div>" * 200_000 + b"x",
    "a.rtf": b"{\\rtf1 " + b"{" * 1_000_000,
    "colours.rtf": b"{\\rtf1 {\\colortbl" + b";" * 1_000_000 + b"} x",
    "a.eml": b"From: a\nDate: b\nSubject: c\n" + INNER_PART * 5_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_t22_depth_and_repetition_cost_at_most_the_child(read: Read, name: str) -> None:
    """Whether it is read or refused is the format's affair; the pool reads the next file either way."""
    with contextlib.suppress(UnreadableFile):
        assert len(read(ENDLESS[name], name).text) < 5_000_000

    assert read(b"The next one.", "next.txt").text == "The next one."


# --- The list of bad input ------------------------------------------------------------------


def test_bad_input_a_docx_with_external_references_is_read_and_fetches_nothing(read: Read) -> None:
    references = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" TargetMode="External" Target="https://evil.example/t.dotm"'
        ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"/>'
        "</Relationships>"
    )
    document = read(with_part(WORD, "word/_rels/settings.xml.rels", references.encode()), "a.docx")

    assert document.text == "Hello"
    assert any(
        "External reference (attachedTemplate): https://evil.example" in one for one in document.hidden
    )


def test_bad_input_a_page_keeps_no_script_and_no_data_url(read: Read) -> None:
    page = (
        '<html><head><base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example">'
        "<script>steal()</script><style>p{}</style></head><body onload='steal()'><p>Hello</p>"
        '<img src="data:image/png;base64,AAAA" srcset="https://evil.example/a 2x"><a href="data:,evil">there</a>'
        "<iframe srcdoc='<p>evil</p>'></iframe></body></html>"
    )

    assert read(page.encode(), "a.html").text == "Hello\n\nthere"


def test_bad_input_a_wrong_encoding_is_read_as_what_it_is(read: Read) -> None:
    page = '<html><head><meta charset="utf-8"></head><body><p>Grüße</p></body></html>'

    assert read(page.encode("cp1252"), "a.html").text == "Grüße"
    assert read("Grüße".encode("utf-16"), "a.txt").text == "Grüße"


def test_bad_input_each_file_of_a_batch_has_its_sentence_and_the_rest_goes_on(read: Read) -> None:
    batch = {
        "empty.txt": b"",
        "torn.docx": WORD[:400],
        "torn.xlsx": SHEET[:400],
        "torn.pdf": pdf_pages(1)[:200],
        "program.txt": b"MZ\x90\x00",
        "picture.png": PNG,
        "deep.json": b"[" * 5_000,
        "broken.json": b'{"a": }',
        "fake.eml": b"Hello",
    }
    for name, content in batch.items():
        message = refusal(read, content, name)
        assert message.endswith(".")
        assert len(message) < 400
