"""Which kind of document a file is, from its content; a name only breaks ties between kinds of text."""

import importlib
import re
from pathlib import PurePosixPath
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.archives import (
    TornArchive,
    ends_as_archive,
    kind_of_archive,
    macro_part,
    open_archive,
)
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import (
    BY_EXTENSION,
    CODE,
    CSV,
    DOCX,
    EML,
    EPUB,
    HTML,
    JSON,
    JSONL,
    MARKDOWN,
    ODT,
    PDF,
    PLAIN_KINDS,
    PPTX,
    RTF,
    SPOKEN,
    TEXT,
    TSV,
    XLSX,
    ZIP,
    ZIP_KINDS,
    claim,
    fits,
    supported,
)
from retrieval.ingestion.text_kinds import (
    DELIMITERS,
    LEGACY,
    XML,
    begins_as_json,
    begins_as_json_lines,
    charset,
    delimiter,
    has_element,
    kind_of_text,
    letter_headers,
)

# fmt: off
__all__ = [
    "CODE", "CSV", "DELIMITERS", "DOCX", "EML", "EPUB", "HEAD_BYTES", "HTML", "JSON", "JSONL", "LEGACY",
    "MARKDOWN", "ODT", "PDF", "PPTX", "RTF", "TEXT", "TSV", "XLSX", "ZIP", "charset", "delimiter",
    "display_name", "sniff", "supported",
]
# fmt: on

HEAD_BYTES = 65_536  # what `sniff` needs to see of a file
_MAGIC = (
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Office document"),
    (b"{\\rtf", RTF),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
)
_SPACE = b"\xef\xbb\xbf \t\r\n\f"
_PDF_HEADER = re.compile(rb"%PDF-\d\.\d")
_PDF_HEADER_BEFORE = 1_024  # readers look for the header this far into a file
_PDF_END = b"%%EOF"
_NAME_CHARS_MAX = 120


def display_name(name: str) -> str:
    """A file's own name, fit to be shown: no folders, no control characters, no great length."""
    base = re.split(r"[/\\]", name.replace("\x00", ""))[-1]
    shown = "".join(character for character in base if character.isprintable()).strip()
    return shown[-_NAME_CHARS_MAX:] or "unnamed file"


def sniff(head: bytes, name: str, file: BinaryIO, declared: str = "") -> str:
    """The media type of a file.

    head: its first HEAD_BYTES bytes. name: as the sender gave it. file: the whole, seekable.
    declared: the Content-Type that came with it; "" and types such as application/octet-stream claim
    nothing.

    Raises UnreadableFile when the type is not supported, when content, name and declared type disagree,
    when a document carries macros, or when a file is of two kinds at once.
    """
    shown = display_name(name)
    extension = PurePosixPath(shown).suffix.lower()
    if not head:
        raise UnreadableFile(f"{shown} is empty.")
    claimed = claim(declared)
    found = _from_signature(head, file, shown) or kind_of_text(head)
    _refuse_two_kinds(found, head, file, shown)
    agreed = _agreed(found, extension, shown, head, claimed)
    if not fits(claimed, agreed):
        raise UnreadableFile(
            f"{shown} was sent as {_quoted(claimed)} but holds {SPOKEN.get(agreed, agreed)}; send it as what it is."
        )
    return agreed


def _from_signature(head: bytes, file: BinaryIO, shown: str) -> str | None:
    """A media type, words for what is not supported, or None where only text is possible."""
    if head.lstrip(_SPACE).startswith(b"%PDF-"):
        return PDF
    if head.startswith(b"PK"):
        return _from_archive(file, shown)
    return next((words for magic, words in _MAGIC if head.startswith(magic)), None)


def _from_archive(file: BinaryIO, shown: str) -> str:
    try:
        with open_archive(file, shown, ParseLimits()) as archive:
            macros = macro_part(archive)
            kind = kind_of_archive(archive)
    except TornArchive:
        raise UnreadableFile(f"{shown} is a damaged or incomplete archive.") from None
    if macros and kind not in (ZIP, EPUB):
        raise UnreadableFile(
            f"{shown} carries macros ({display_name(macros)}); save it without them and send it again."
        )
    return kind


def _refuse_two_kinds(found: str, head: bytes, file: BinaryIO, shown: str) -> None:
    """One file that two programs read as two things is made to slip past a check."""
    if found in ZIP_KINDS:
        return
    words = SPOKEN.get(found, found)
    if ends_as_archive(file):
        raise UnreadableFile(f"{shown} is {words} and a ZIP archive at once; send them as two files.")
    if found != PDF and _PDF_HEADER.search(head[:_PDF_HEADER_BEFORE]) and _pdf_ends(file):
        raise UnreadableFile(
            f"{shown} is {words} and a PDF document at once: its PDF header is not at the beginning."
        )


def _pdf_ends(file: BinaryIO) -> bool:
    size = file.seek(0, 2)
    file.seek(max(size - _PDF_HEADER_BEFORE, 0))
    return _PDF_END in file.read()


def _agreed(found: str, extension: str, shown: str, head: bytes, claimed: str) -> str:
    """The type that both content and extension allow."""
    expected = BY_EXTENSION.get(extension)
    if extension and expected is None and extension in (added := _added()):
        return added[extension]
    if extension and expected is None:
        raise UnreadableFile(f"Files of type {extension} are not supported yet; supported are {supported()}.")
    if expected is None and found == TEXT and claimed in PLAIN_KINDS:
        expected = claimed  # without an extension, the sender's word says which kind of text
    if expected is None and found not in SPOKEN:
        raise UnreadableFile(
            f"{shown} holds {found}, which is not supported yet; supported are {supported()}."
        )
    if expected in (None, found):
        return found
    if expected == CODE and found in (XML, HTML, EML, TEXT):
        return CODE  # kept as letters and never rendered, whatever they spell
    if found == EML and expected in PLAIN_KINDS:
        return expected  # a note that begins as a letter does
    if found == TEXT and expected in PLAIN_KINDS | {HTML}:
        return _kind_of_text(expected, shown, head)
    raise _conflict(shown, extension, SPOKEN.get(found, found))


def _added() -> dict[str, str]:
    """Types by extension of the parsers that a site has installed."""
    # Looked up now: the parsers import this module.
    found: dict[str, str] = importlib.import_module("retrieval.ingestion.parsers.registry").extensions()
    return found


def _kind_of_text(expected: str, shown: str, head: bytes) -> str:
    """The kind a name claims for plain text, if the text bears it out."""
    text = head.decode(charset(head, partial=True) or "utf-8", errors="replace").lstrip("\ufeff")
    extension = PurePosixPath(shown).suffix.lower() or expected
    if expected == HTML and not has_element(text):
        raise _conflict(shown, extension, "plain text without a single element")
    if expected in (CSV, TSV) and delimiter(text) is None:
        raise _conflict(shown, extension, "plain text without consistent columns")
    if expected == JSON and not begins_as_json(text):
        raise _conflict(shown, extension, "plain text that no JSON value begins with")
    if expected == JSONL and not begins_as_json_lines(text):
        raise _conflict(shown, extension, "plain text whose first line is no JSON value")
    if expected == EML and not letter_headers(text):
        raise _conflict(shown, extension, "plain text without the headers of an e-mail")
    return expected


def _conflict(shown: str, extension: str, found: str) -> UnreadableFile:
    return UnreadableFile(f"{shown} is named {extension} but holds {found}; rename it or send the original.")


def _quoted(claimed: str) -> str:
    """A declared type as it may be shown: it came from a stranger."""
    return "".join(character for character in claimed if character.isprintable())[:80]
