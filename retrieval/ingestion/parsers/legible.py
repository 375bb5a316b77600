"""What a reader can see of a text: no invisible characters, one kind of line end, one form of each letter."""

import re
import unicodedata

# Invisible characters carry nothing for a reader: controls, soft hyphens, zero-width spaces and
# joiners of words, bidirectional overrides, surrogates, non-characters. The zero-width joiners that
# scripts and emoji need (200C, 200D) stay.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]+"
)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_TAG_RUN = re.compile("[\U000e0020-\U000e007e]{2,}")
_TAG_OFFSET = 0xE0000  # Unicode's tag characters repeat ASCII from here, without a glyph


def cleaned(text: str) -> str:
    """Text without characters that no reader sees, lines ended by newlines, composed to NFC."""
    text = _INVISIBLE.sub("", _LINE_END.sub("\n", text)).replace("\u00a0", " ")
    return unicodedata.normalize("NFC", text)


def collapsed(text: str) -> str:
    """Text on one line, each run of white space one space."""
    return " ".join(text.split())


def smuggled(text: str) -> list[str]:
    """Sentences spelled in Unicode tag characters, in readable letters."""
    return ["".join(chr(ord(c) - _TAG_OFFSET) for c in run) for run in _TAG_RUN.findall(text)]
