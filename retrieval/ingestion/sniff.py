"""Which kind of document a file is, from its content; a name only breaks ties between kinds of text."""

import codecs
import csv
import re
import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO

from retrieval.errors import UnreadableFile

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TEXT = "text/plain"

HEAD_BYTES = 65_536  # what `sniff` needs to see of a file
DELIMITERS = ",;\t|"

_BY_EXTENSION = {
    ".pdf": PDF,
    ".docx": DOCX,
    ".html": HTML,
    ".htm": HTML,
    ".md": MARKDOWN,
    ".csv": CSV,
    ".txt": TEXT,
}
_SPOKEN = {
    PDF: "a PDF document",
    DOCX: "a Word document",
    HTML: "a web page",
    MARKDOWN: "Markdown",
    CSV: "a table",
    TEXT: "plain text",
}
_MAGIC = (
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Office document"),
    (b"{\\rtf", "rich text (RTF)"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Written by no text editor; one of them means that the file is something else.
_BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
LEGACY = "cp1252"  # what browsers read when a page says latin-1
_SPACE = b"\xef\xbb\xbf \t\r\n\f"
# A page begins with one of these, after comments and an XML declaration. Atomic, because a row of
# comments could otherwise be divided in exponentially many ways.
_PAGE_START = re.compile(
    r"(?>\s+|<!--.*?-->|<\?xml[^>]*>)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_ELEMENT = re.compile(r"<(?:[a-z][a-z0-9]*)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_XML_START = re.compile(r"\s*<(?:\?xml|svg|!DOCTYPE)\b", re.IGNORECASE)
_NAME_CHARS_MAX = 120


def display_name(name: str) -> str:
    """A file's own name, fit to be shown: no folders, no control characters, no great length."""
    base = re.split(r"[/\\]", name.replace("\x00", ""))[-1]
    shown = "".join(character for character in base if character.isprintable()).strip()
    return shown[-_NAME_CHARS_MAX:] or "unnamed file"


def sniff(head: bytes, name: str, file: BinaryIO) -> str:
    """The media type of a file.

    head: its first HEAD_BYTES bytes. name: as the sender gave it. file: the whole, seekable.

    Raises UnreadableFile when the type is not supported, when content and name disagree, or when a
    Word document carries macros.
    """
    shown = display_name(name)
    extension = PurePosixPath(shown).suffix.lower()
    if not head:
        raise UnreadableFile(f"{shown} is empty.")
    found = _from_signature(head, file, shown) or _from_text(head)
    return _agreed(found, extension, shown, head)


def supported() -> str:
    """The extensions that can be taken in, for a sentence."""
    return ", ".join(_BY_EXTENSION)


def _from_signature(head: bytes, file: BinaryIO, shown: str) -> str | None:
    """A media type, words for what is not supported, or None where only text is possible."""
    if head.lstrip(_SPACE).startswith(b"%PDF-"):
        return PDF
    if head.startswith(b"PK"):
        return _from_archive(file, shown)
    return next((words for magic, words in _MAGIC if head.startswith(magic)), None)


def _from_archive(file: BinaryIO, shown: str) -> str:
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise UnreadableFile(f"{shown} is a damaged or incomplete archive.") from None
    if any(PurePosixPath(entry).name.lower() == "vbaproject.bin" for entry in names):
        raise UnreadableFile(f"{shown} carries macros (vbaProject.bin); save it as .docx without them.")
    if "[Content_Types].xml" in names and any(entry.startswith("word/") for entry in names):
        return DOCX
    if any(entry.startswith("xl/") for entry in names):
        return "an Excel workbook"
    return (
        "a PowerPoint presentation" if any(entry.startswith("ppt/") for entry in names) else "a ZIP archive"
    )


def _from_text(head: bytes) -> str:
    encoding = charset(head, partial=True)
    if encoding is None:
        return "binary content"
    text = head.decode(encoding, errors="replace")
    if _PAGE_START.match(text):
        return HTML
    return "XML" if _XML_START.match(text) else TEXT


def _agreed(found: str, extension: str, shown: str, head: bytes) -> str:
    """The type that both content and extension allow."""
    expected = _BY_EXTENSION.get(extension)
    if extension and expected is None:
        raise UnreadableFile(f"Files of type {extension} are not supported yet; supported are {supported()}.")
    if expected is None and found not in _SPOKEN:
        raise UnreadableFile(
            f"{shown} holds {found}, which is not supported yet; supported are {supported()}."
        )
    if expected in (None, found):
        return found
    if found == TEXT and expected in (MARKDOWN, CSV, HTML):
        return _kind_of_text(expected, shown, head)
    raise _conflict(shown, extension, _SPOKEN.get(found, found))


def _kind_of_text(expected: str, shown: str, head: bytes) -> str:
    """The kind a name claims for plain text, if the text bears it out."""
    text = head.decode(charset(head, partial=True) or "utf-8", errors="replace")
    if expected == HTML and not _ELEMENT.search(text):
        raise _conflict(shown, ".html", "plain text without a single element")
    if expected == CSV and delimiter(text) is None:
        raise _conflict(shown, ".csv", "plain text without consistent columns")
    return expected


def charset(content: bytes, *, partial: bool = False) -> str | None:
    """The encoding of text, from its byte-order mark or its bytes; None when it is not text.

    partial: the content may end inside a character.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name if _decodes(content, name, partial) else None
    if _BINARY.search(content):
        return _wide(content, partial)
    return "utf-8" if _decodes(content, "utf-8", partial) else LEGACY


def delimiter(text: str) -> str | None:
    """What separates the columns of a table, "," for a single column; None when lines disagree.

    text: the beginning of a file; an unfinished last line does no harm.
    """
    whole, _, unfinished = text.rpartition("\n")
    lines = [line for line in (whole or unfinished).splitlines()[:200] if line.strip()]
    for candidate in sorted(DELIMITERS, key=lambda mark: -lines[0].count(mark) if lines else 0):
        widths = _widths(lines, candidate)
        common = max(set(widths), key=widths.count, default=0)
        # Three rows in four, because exports end in totals, begin with a remark and have ragged rows.
        if common > 1 and widths.count(common) >= 0.75 * len(widths):
            return candidate
    return "," if lines and not any(mark in line for line in lines for mark in DELIMITERS) else None


def _widths(lines: list[str], candidate: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader((line + "\n" for line in lines), delimiter=candidate) if row]
    except csv.Error:
        return []


def _conflict(shown: str, extension: str, found: str) -> UnreadableFile:
    return UnreadableFile(f"{shown} is named {extension} but holds {found}; rename it or send the original.")


def _wide(content: bytes, partial: bool) -> str | None:
    """UTF-16 without a mark, recognised by Latin letters in every second byte."""
    pairs = content[: len(content) // 2 * 2]
    for name, letters, zeros in (
        ("utf-16-le", pairs[::2], pairs[1::2]),
        ("utf-16-be", pairs[1::2], pairs[::2]),
    ):
        mostly_latin = zeros.count(0) > len(zeros) * 0.7
        if pairs and mostly_latin and not _BINARY.search(letters) and _decodes(content, name, partial):
            return name
    return None


def _decodes(content: bytes, name: str, partial: bool) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(content, final=not partial)
    except UnicodeDecodeError:
        return False
    return True
