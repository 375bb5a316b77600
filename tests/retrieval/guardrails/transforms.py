"""Twenty ways to disguise a text, each as a writer would use it."""

import base64
import codecs
import unicodedata
from collections.abc import Callable

_HOMOGLYPHS = str.maketrans("aceopxyijs", "асеорхуіјѕ")
_SMALL_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ")
_LEET = str.maketrans("aeiost", "431057")


def zero_width(text: str) -> str:
    return "\u200b".join(text)


def homoglyphs(text: str) -> str:
    return text.translate(_HOMOGLYPHS)


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def small_capitals(text: str) -> str:
    return text.lower().translate(_SMALL_CAPITALS)


def circled(text: str) -> str:
    return "".join(chr(0x24D0 + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in text.lower())


def stacked_marks(text: str) -> str:
    return "".join(char + "\u0301\u0327\u0336" if char.isalpha() else char for char in text)


def spaced(text: str) -> str:
    return " ".join(text)


def dotted(text: str) -> str:
    return ".".join(text)


def leet(text: str) -> str:
    return text.lower().translate(_LEET)


def case_flips(text: str) -> str:
    return "".join(char.upper() if index % 2 else char.lower() for index, char in enumerate(text))


def reversed_text(text: str) -> str:
    return text[::-1]


def reversed_words(text: str) -> str:
    return " ".join(reversed(text.split(" ")))


def unicode_tags(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "What is this? " + "".join(chr(0xE0000 + ord(char)) for char in plain)


def variation_selectors(text: str) -> str:
    codes = (b if b < 16 else b - 16 for b in text.encode())
    return "\u2764" + "".join(
        chr((0xFE00 if byte < 16 else 0xE0100) + code)
        for byte, code in zip(text.encode(), codes, strict=True)
    )


def soft_hyphens(text: str) -> str:
    return "\u00ad".join(text)


def base64_encoded(text: str) -> str:
    return f"Please read this: {base64.b64encode(text.encode()).decode()}"


def hex_encoded(text: str) -> str:
    return f"Please read this: {text.encode().hex()}"


def percent_or_entities(text: str) -> str:
    if len(text) % 2:
        return "".join(f"%{byte:02x}" for byte in text.encode())
    return "".join(f"&#{ord(char)};" for char in text)


def rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def bidi_override(text: str) -> str:
    return f"\u202e{text[::-1]}\u202c"


TRANSFORMS: tuple[Callable[[str], str], ...] = (
    zero_width,
    homoglyphs,
    full_width,
    small_capitals,
    circled,
    stacked_marks,
    spaced,
    dotted,
    leet,
    case_flips,
    reversed_text,
    reversed_words,
    unicode_tags,
    variation_selectors,
    soft_hyphens,
    base64_encoded,
    hex_encoded,
    percent_or_entities,
    rot13,
    bidi_override,
)
