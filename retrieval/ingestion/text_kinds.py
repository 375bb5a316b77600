"""What kind of text a file's first bytes are: encoding, columns, headers of a letter, values."""

import codecs
import csv
import json
import re

from retrieval.ingestion.media_types import EML, HTML, TEXT

DELIMITERS = ",;\t|"
LEGACY = "cp1252"  # what browsers read when a page says latin-1
XML = "XML"
BINARY = "binary content"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Written by no text editor; one of them means that the file is something else.
_BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
# A page begins with one of these, after comments and an XML declaration. Atomic, because a row of
# comments could otherwise be divided in exponentially many ways.
_PAGE_START = re.compile(
    r"(?>\s+|<!--.*?-->|<\?xml[^>]*>)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_ELEMENT = re.compile(r"<(?:[a-z][a-z0-9]*)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_XML_START = re.compile(r"\s*<(?:\?xml|svg|!DOCTYPE)\b", re.IGNORECASE)
_HEADER_LINE = re.compile(r"([!-9;-~]+):[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*+\r?\n")
_LETTER_HEADERS = frozenset({"from", "date", "subject", "received", "message-id", "mime-version"})
_LETTER_HEADERS_MIN = 3  # a note may begin with "Date:" and "Subject:"
_VALUE_START = re.compile(r'\s*(?:[{\["]|-?\d|true\b|false\b|null\b)')


def kind_of_text(head: bytes) -> str:
    """HTML, EML or TEXT, or words for what is not supported."""
    encoding = charset(head, partial=True)
    if encoding is None:
        return BINARY
    text = head.decode(encoding, errors="replace")
    if _PAGE_START.match(text):
        return HTML
    if _XML_START.match(text):
        return XML
    return EML if letter_headers(text) >= _LETTER_HEADERS_MIN else TEXT


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


def has_element(text: str) -> bool:
    """Whether a text holds a tag of markup."""
    return _ELEMENT.search(text) is not None


def letter_headers(text: str) -> int:
    """How many different headers that only a letter has stand at the beginning of a text."""
    found: set[str] = set()
    place = 0
    while line := _HEADER_LINE.match(text, place):
        found.add(line.group(1).lower())
        place = line.end()
    return len(found & _LETTER_HEADERS)


def begins_as_json(text: str) -> bool:
    """Whether a text can be a JSON value, judged by its first sign."""
    return _VALUE_START.match(text) is not None


def begins_as_json_lines(text: str) -> bool:
    """Whether the first line of a text is a JSON value, or the beginning of one too long to see."""
    first, ended, _ = text.lstrip("\ufeff \r\n\t").partition("\n")
    if not ended:
        return begins_as_json(first)
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _widths(lines: list[str], candidate: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader((line + "\n" for line in lines), delimiter=candidate) if row]
    except csv.Error:
        return []


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
