"""E-mails: headers, text and attachments, each attachment by the parser of its kind."""

from email.message import EmailMessage

import pytest

from retrieval.errors import UnreadableFile
from tests.retrieval.ingestion.made_files import letter, parsed, word

HEADERS = "From: Ada <ada@acme.example>\nTo: ben@acme.example\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nSubject: Plans"


def test_a_letter_keeps_its_headers_and_its_text() -> None:
    document = parsed(letter("Dear Ben,\n\nhere are the plans.\n"), "a.eml")

    assert document.text == f"{HEADERS}\n\nDear Ben,\n\nhere are the plans."
    assert document.title == "Plans"


def test_attachments_stand_under_their_names_and_those_left_out_are_named() -> None:
    attachments = {
        "list.csv": b"a,b\n1,2\n",
        "plan.docx": word(lambda document: document.add_heading("North hall", 1)),
        "../run.exe": b"MZ",
    }
    document = parsed(letter("See below.", attachments=attachments), "a.eml")

    assert [section.heading_path for section in document.sections] == [
        (),
        ("Attachment: list.csv",),
        ("Attachment: list.csv",),
        ("Attachment: plan.docx",),
        ("Attachment: plan.docx", "North hall"),
        ("Attachments left out",),
    ]
    assert document.text.endswith("Not taken in: run.exe (Files of type .exe are not supported yet).")


def test_a_forwarded_letter_is_read_with_what_it_brings() -> None:
    inner = letter("The inner one.", subject="Inner", attachments={"a.txt": b"The innermost."})
    document = parsed(letter("The outer one.", attachments={"inner.eml": inner}), "a.eml")

    assert "Subject: Inner" in document.text
    assert document.sections[-1].heading_path == ("Attachment: inner.eml", "Attachment: a.txt")


def test_a_letter_attached_as_a_message_is_read() -> None:
    message = EmailMessage()
    message["From"], message["Date"], message["Subject"] = "a@b.example", "Mon, 02 Nov 2026", "Fwd"
    message.set_content("Look.")
    inner = EmailMessage()
    inner["From"], inner["Date"], inner["Subject"] = "c@b.example", "Mon, 02 Nov 2026", "Inner"
    inner.set_content("The inner one.")
    message.add_attachment(inner)

    assert "The inner one." in parsed(message.as_bytes(), "a.eml").text


def test_a_letter_that_is_only_a_page_is_read_as_one() -> None:
    message = EmailMessage()
    message["From"], message["Date"], message["Subject"] = "a@b.example", "Mon, 02 Nov 2026", "Page"
    message.set_content("<html><body><h1>News</h1><p>All well.<script>x()</script></p></body></html>", "html")

    assert parsed(message.as_bytes(), "a.eml").text.endswith("News\n\nAll well.")


@pytest.mark.parametrize(
    ("charset", "body"),
    [("utf-8", "Grüße".encode()), ("iso-8859-1", "Grüße".encode("latin-1")), ("unknown-x", "Grüße".encode())],
)
def test_the_text_of_a_letter_is_decoded_by_a_character_set_and_nothing_else(
    charset: str, body: bytes
) -> None:
    head = f"From: a\nDate: b\nSubject: c\nMIME-Version: 1.0\nContent-Type: text/plain; charset={charset}\n\n"

    assert parsed(head.encode() + body, "a.eml").text.endswith("Grüße")


def test_a_codec_that_unpacks_is_no_character_set() -> None:
    head = b"From: a\nDate: b\nSubject: c\nContent-Type: text/plain; charset=unicode_escape\n\n\\u0041"

    assert parsed(head, "a.eml").text.endswith("\\u0041")


def test_headers_that_no_standard_allows_do_not_stop_the_reading() -> None:
    raw = b'From: "=?utf-8?q?' + b"=?" * 50 + b"\nTo: @@;;<<\nDate: never\nSubject: =?x?y?z?=\n\nHello"

    assert parsed(raw, "a.eml").text.endswith("Hello")


def test_a_note_that_begins_like_a_letter_is_still_text_by_its_name() -> None:
    assert parsed(letter("Hello"), "a.txt").media_type == "text/plain"
    with pytest.raises(UnreadableFile, match="without the headers of an e-mail"):
        parsed(b"Hello", "a.eml")
