"""Bytes to text, for the formats that are text."""

import codecs
import re

from retrieval.ingestion.sniff import LEGACY, charset

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


def _declared(content: bytes) -> str | None:
    found = _META_CHARSET.search(content[:4096])
    try:
        name = codecs.lookup(found.group(1).decode("ascii")).name if found else ""
    except LookupError:
        return None
    return name if _CHARACTER_SETS.match(name) else None
