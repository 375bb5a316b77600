"""Bytes to text, for the formats that are text."""

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.sniff import HEAD_BYTES, LEGACY, charset

STRETCH_CHARS = 65_536
LINE_CHARS_MAX = 1_000_000
_READ_BYTES = 1 << 20
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
# Python's codecs also unpack archives and run escapes; a page may name character sets only.
_CHARACTER_SETS = re.compile(r"iso8859|cp\d|shift_jis|euc|gb|big5|koi8|mac|tis")


def decoded(content: bytes, *, markup: bool = False) -> str:
    """The text of a file that was sniffed as text; bytes that do not fit become replacement characters.

    markup: a charset declared in a <meta> element decides where the bytes are not UTF-8.
    """
    name = charset(content) or LEGACY
    if markup and name == LEGACY:
        name = _declared(content) or name
    return content.decode(name, errors="replace")


def opened(file: BinaryIO) -> io.TextIOWrapper:
    """A file of text as characters, its line ends untouched; nothing but a buffer of it is ever held.

    Closing it closes the file.
    """
    return io.TextIOWrapper(file, encoding=_charset(file), errors="replace", newline="")


def stretches(file: BinaryIO) -> Iterator[str]:
    """A file of text in parts of bounded length, each ending with a paragraph, else a line, else a word."""
    text, held = opened(file), ""
    while more := text.read(STRETCH_CHARS):
        held += more
        if len(held) < STRETCH_CHARS:
            continue
        end = _last_end(held)
        yield held[:end]
        held = held[end:]
    if held:
        yield held


def lines(file: BinaryIO, name: str) -> Iterator[str]:
    """A file of text line by line, line ends included.

    Raises UnreadableFile when a line is longer than LINE_CHARS_MAX.
    """
    text = opened(file)
    number = 0
    while line := text.readline(LINE_CHARS_MAX + 1):
        number += 1
        if len(line) > LINE_CHARS_MAX:
            raise UnreadableFile(
                f"{name} has more than {LINE_CHARS_MAX:,} characters in line {number:,}; it is damaged or "
                "not what its name says."
            )
        yield line


def _last_end(held: str) -> int:
    """Where a stretch may end so that no word is cut; any place where there is nothing but one long word."""
    half = len(held) // 2
    for mark, earliest in (("\n\n", half), ("\n", 1)):
        found = held.rfind(mark, earliest)
        if found >= 0:
            return found + len(mark)
    # The spaces go with what follows, or they would be taken for those at a line's end.
    before = held[: max(held.rfind(" "), 0)].rstrip()
    if before:
        return len(before)
    # Not between a letter and the marks that belong to it, and not inside a line end.
    return next((end for end in range(len(held) - 1, half, -1) if held[end].isalnum()), len(held))


def _charset(file: BinaryIO) -> str:
    """The encoding of the whole file, which is read once for it and left at its beginning."""
    head = file.read(HEAD_BYTES)
    name = charset(head, partial=True) or LEGACY
    decoder = codecs.getincrementaldecoder(name)()
    piece = head
    try:
        while piece:
            decoder.decode(piece)
            piece = file.read(_READ_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        name = LEGACY
    file.seek(0)
    return name


def _declared(content: bytes) -> str | None:
    found = _META_CHARSET.search(content[:4096])
    try:
        name = codecs.lookup(found.group(1).decode("ascii")).name if found else ""
    except LookupError:
        return None
    return name if _CHARACTER_SETS.match(name) else None
