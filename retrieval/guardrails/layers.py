"""Encodings that a text can hide in, each undone in place when what comes out reads as language.

Every function takes a text and gives the decoded text, or None where the layer is absent. Patterns
are linear, and what a layer may add is bounded by the caller.
"""

import base64
import binascii
import codecs
import html
import re
import urllib.parse
from collections.abc import Callable

from retrieval.guardrails.language import COMMON_WORDS, reads_as_language

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{4,}={0,2}(?:\s{0,2}[A-Za-z0-9+/_-]{4,}={0,2})*")
_LINE_CHARS_MIN = 16
_ENCODED_LOOK = re.compile(r"[a-z+/][A-Z0-9]|[0-9][A-Za-z]|[A-Z]{2}|=")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:;]{0,2}){6,}(?![0-9A-Za-z])")
_HEX_PREFIX = re.compile(r"0x|\\x|[ ,:;]")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_ESCAPE = re.compile(r"\\u\{?([0-9A-Fa-f]{4})\}?|\\x([0-9A-Fa-f]{2})")
_ESCAPES_MIN = 3  # fewer are ordinary in addresses and in text copied from a page

# Common words turned around or rotated, without those that are common words again ("no" and "on").
_ROTATED_WORDS = frozenset(codecs.encode(word, "rot13") for word in COMMON_WORDS) - COMMON_WORDS
_REVERSED_WORDS = frozenset(word[::-1] for word in COMMON_WORDS) - COMMON_WORDS
_TELLING_CHARS = 5  # a turned word this long is no accident; shorter ones must outnumber plain ones
_WORD = re.compile(r"[^\W\d_]+")
# Two words in an order that hardly any sentence has, and the reverse of which instructions are made of.
_TURNED_PAIR = re.compile(
    r"\b(?:instructions?|rules?|prompt|directives?|guidelines|restrictions|message|above|mode)[ ,.]{1,2}"
    r"(?:previous|prior|your|all|system|the|any|safety|developer|hidden|initial|everything|ethical)\b"
    r"|\b(?:all|previous|prior|your|the|me|everything|any|with|as)[ ,.]{1,2}"
    r"(?:ignore|disregard|forget|reveal|repeat|print|override|bypass|tell|show|pretend|reply|act)\b"
)
_END_CHARS = 60
# The first word of a sentence at the very end, or its last word with the full stop at the very start.
_TURNED_ENDS = re.compile(
    r"^\W*\w+[.!?]['\"]? \w"
    r"|\b(?:ignore|please|disregard|forget|override|reveal|print|repeat|show|tell|what|pretend|act|roleplay"
    r"|disable|bypass|send|email|forward|call|if|from|your|you|do|never|enter|discard|erase|write|output"
    r"|encode|translate|summarize|start|stop|pay|developer)\W*$"
)

# A sign between any two characters, blanks among them: "i g n o r e   a l l", "i.g.n.o.r.e. .a.l.l".
_ALTERNATING = re.compile(r"[^\n]([ ._*|~+\-])(?:[^\n]\1){7,}[^\n]?")
# The same by hand, less evenly: letters one gap apart, words by a wider one.
_SPACED = re.compile(r"(?<!\w)(?:\w[ ._*|~+\-]{1,7}){4,}\w(?!\w)")
_LETTER_GAP = re.compile(r"[ ._*|~+\-]+")

_LEET_LETTERS = str.maketrans("013456789@$!|+€", "oieasgtbgasiite")
_LEET_ONE_AS_L = str.maketrans("013456789@$!|+€", "oleasgtbgaslite")
_LEET_WORD = re.compile(r"(?<![\w@$!|+])(?=[\w@$!|+€]*[a-z])(?=[\w@$!|+€]*[013456789@$!|+€])[\w@$!|+€]{2,32}")
_LEET_WORDS_MIN = 2
_LEET_HINT = re.compile(r"[a-z][013456789@$!|+€]\w|[013456789@$!|+€][a-z]")
_ADDRESS = re.compile(r"\w@[a-z]")  # an e-mail address is no respelled word
_SHORT_NUMBER = re.compile(r"(?<![\w@$])\d{1,3}(?![\w@$])")  # "70" among such words is "to"


def base64_decoded(text: str) -> str | None:
    return _replaced(_BASE64, text, _from_base64)


def _from_base64(found: str) -> str | None:
    words = found.split()
    if not _ENCODED_LOOK.search(found):
        return None
    # Wrapped lines are one payload; otherwise each word may be one, among words that are none.
    if all(len(word) >= _LINE_CHARS_MIN for word in words[:-1]):
        joined = _text_of_base64("".join(words))
        if joined is not None and reads_as_language(joined):
            return joined
    decoded = [_text_of_base64(word) if _ENCODED_LOOK.search(word) else None for word in words]
    if not reads_as_language(" ".join(text for text in decoded if text)):
        return None
    return " ".join(text or word for text, word in zip(decoded, words, strict=True))


def _text_of_base64(encoded: str) -> str | None:
    plain = encoded.replace("-", "+").replace("_", "/").replace("=", "")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def hex_decoded(text: str) -> str | None:
    return _replaced(_HEX, text, _from_hex)


def _from_hex(found: str) -> str | None:
    digits = _HEX_PREFIX.sub("", found)
    if len(digits) % 2:
        return None
    decoded = bytes.fromhex(digits).decode("utf-8", "replace")
    return decoded if reads_as_language(decoded) else None


def percent_decoded(text: str) -> str | None:
    return urllib.parse.unquote(text) if len(_PERCENT.findall(text)) >= _ESCAPES_MIN else None


def entities_decoded(text: str) -> str | None:
    return html.unescape(text) if len(_ENTITY.findall(text)) >= _ESCAPES_MIN else None


def escapes_decoded(text: str) -> str | None:
    if len(_ESCAPE.findall(text)) < _ESCAPES_MIN:
        return None
    return _ESCAPE.sub(lambda match: chr(int(match.group(1) or match.group(2), 16)), text)


def rotated(text: str) -> str | None:
    return codecs.encode(text, "rot13") if _shows(text, _ROTATED_WORDS) else None


def reversed_letters(text: str) -> str | None:
    return text[::-1] if _shows(text, _REVERSED_WORDS) else None


def reversed_in_words(text: str) -> str | None:
    if not _shows(text, _REVERSED_WORDS):
        return None
    return _WORD.sub(lambda match: match.group()[::-1], text)


def _shows(text: str, turned: frozenset[str]) -> bool:
    words = set(_WORD.findall(text))
    found = words & turned
    if not found:
        return False
    return max(map(len, found)) >= _TELLING_CHARS or len(found) > len(words & COMMON_WORDS)


def reversed_words(text: str) -> str | None:
    ends = f"{text[:_END_CHARS]}\n{text[-_END_CHARS:]}"
    turned = _TURNED_ENDS.search(ends) or _TURNED_PAIR.search(text)
    return " ".join(reversed(text.split())) if turned else None


def letters_joined(text: str) -> str | None:
    return _replaced(_ALTERNATING, text, _every_second) or _replaced(_SPACED, text, _join_letters)


def _every_second(found: str) -> str:
    return found[::2]


def _join_letters(found: str) -> str | None:
    gaps = [match.group() for match in _LETTER_GAP.finditer(found)]
    narrow = min(map(len, gaps))
    return _LETTER_GAP.sub(lambda match: "" if len(match.group()) == narrow else " ", found)


def unleeted(text: str) -> str | None:
    """Read digits and signs inside words as letters; a one is an i."""
    return _unleeted(text, _LEET_LETTERS)


def unleeted_with_l(text: str) -> str | None:
    """The same with a one read as an l."""
    return _unleeted(text, _LEET_ONE_AS_L) if "1" in text or "|" in text else None


def _unleeted(text: str, letters: dict[int, int]) -> str | None:
    if _LEET_HINT.search(text) is None:
        return None
    words = {word for word in _LEET_WORD.findall(text) if not _ADDRESS.search(word)}
    if len(words) < _LEET_WORDS_MIN:
        return None
    respelled = _LEET_WORD.sub(lambda match: match.group().translate(letters), text)
    return _SHORT_NUMBER.sub(lambda match: match.group().translate(letters), respelled)


def _replaced(pattern: re.Pattern[str], text: str, decode: Callable[[str], str | None]) -> str | None:
    changed = False

    def replacement(match: re.Match[str]) -> str:
        nonlocal changed
        decoded = decode(match.group())
        changed = changed or decoded is not None
        return match.group() if decoded is None else f" {decoded} "

    result = pattern.sub(replacement, text)
    return result if changed else None
