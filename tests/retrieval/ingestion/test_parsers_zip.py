"""Archives: each document under its path in the order of names, and a line for what was left out."""

import io
import zipfile

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.parsed import TABLE
from tests.retrieval.ingestion.made_files import archive, letter, parsed, pdf_pages, with_part, word

MARKDOWN = b"# Title\n\nWords.\n\n| City | Rent |\n| - | - |\n| Oslo | a\\|b |\n\nAfter.\n"


def test_documents_stand_under_their_paths_in_the_order_of_names() -> None:
    document = parsed(archive([("b/x.txt", b"Second."), ("a.md", MARKDOWN)]), "papers.zip")

    assert document.title == "papers"
    assert document.text == (
        "a.md\n\nTitle\n\nWords.\n\n| City | Rent |\n| --- | --- |\n| Oslo | a\\|b |\n\nAfter.\n\n"
        "b/x.txt\n\nSecond."
    )
    assert [section.heading_path for section in document.sections] == [
        ("a.md",),
        ("a.md", "Title"),
        ("a.md", "Title"),
        ("a.md", "Title"),
        ("b/x.txt",),
    ]
    (table,) = (section for section in document.sections if section.kind == TABLE)
    assert table.table_header == "| City | Rent |\n| --- | --- |\n"


def test_every_kind_of_document_is_read_inside() -> None:
    content = archive(
        [
            ("a.docx", word(lambda document: document.add_paragraph("From Word."))),
            ("b.pdf", pdf_pages(1)),
            ("c.eml", letter("From a letter.")),
            ("d.zip", archive([("e.json", b'{"from": "JSON"}')])),
        ]
    )
    text = parsed(content, "a.zip").text

    assert [words in text for words in ("From Word.", "This is page 1.", "From a letter.", "from: JSON")] == [
        True
    ] * 4


def test_what_cannot_be_read_is_named_once_at_the_end_and_the_rest_goes_on() -> None:
    content = archive(
        [
            ("a.exe", b"MZ"),
            ("b.docx", b"PK broken"),
            ("c.txt", b"Good."),
            ("d.txt", b""),
            ("__MACOSX/c.txt", b"x"),
        ]
    )
    document = parsed(content, "a.zip")

    assert document.text.splitlines()[-1] == (
        "Not taken in: a.exe (Files of type .exe are not supported yet); "
        "b.docx (b.docx is a damaged or incomplete archive); d.txt (d.txt is empty)."
    )
    assert document.hidden == ()
    assert "Good." in document.text


def test_an_encrypted_entry_is_left_out() -> None:
    content = bytearray(archive([("a.txt", b"Good."), ("b.txt", b"Locked.")]))
    for signature, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.rfind(signature) + place] |= 1

    assert "b.txt (it is encrypted" in parsed(bytes(content), "a.zip").text


def test_an_entry_whose_bytes_are_damaged_is_left_out() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as opened:
        opened.writestr("a.txt", "Good.")
        opened.writestr("b.txt", "Damaged.")
    content = target.getvalue().replace(b"Damaged.", b"Dxmaged.")

    assert "b.txt (it is damaged)" in parsed(content, "a.zip").text


def test_a_document_that_embeds_a_program_is_left_out() -> None:
    poisoned = with_part(word(lambda document: document.add_paragraph("x")), "word/embeddings/run.exe", b"x")
    document = parsed(archive([("a.txt", b"Good."), ("b.docx", poisoned)]), "a.zip")

    assert "b.docx (b.docx is held back: It embeds a program (word/embeddings/run.exe))" in document.text


@pytest.mark.parametrize(
    ("entries", "reason"),
    [([], "It is empty."), ([("a/", b"")], "It is empty."), ([("a.exe", b"MZ")], "Not taken in: a.exe")],
)
def test_an_archive_without_a_document_is_refused(entries: list[tuple[str, bytes]], reason: str) -> None:
    with pytest.raises(UnreadableFile, match="holds no document that can be taken in") as caught:
        parsed(archive(entries), "a.zip")

    assert reason in str(caught.value)
