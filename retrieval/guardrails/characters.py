"""Characters that hide text or imitate other characters, and how to see through them."""

import re
import unicodedata

# Invisible by looks, though Unicode calls them letters, marks or symbols: joiners, fillers, blanks.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0000-\U000e007f"
_HIDDEN_BYTES_MIN = 4  # one selector styles an emoji, four in a row spell something

_TAG_RUN = re.compile(f"[{_TAGS}]+")
_SELECTOR_RUN = re.compile(f"[{_SELECTORS}]{{{_HIDDEN_BYTES_MIN},}}")
# The flags of England, Scotland and Wales are written with tags; nothing else honest is.
_FLAG = re.compile(f"\U0001f3f4[{_TAGS}]{{2,6}}\U000e007f")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("\u202e([^\u202c\n]*)")
_REMOVED = re.compile(f"[{_BLANK}{_SELECTORS}]")
_WORD = re.compile(r"[^\W\d_]+")

_KEPT_CONTROLS = "\n\t"
_REMOVED_CATEGORIES = frozenset({"Cf", "Co", "Cn", "Cc", "Cs"})
_JOINERS = "\u200c\u200d"

# Letters of other scripts that look like a Latin one; lower case, after compatibility folding.
_CYRILLIC = dict(zip("авсԁеԍнһіјклӏмпорԛгѕтуѵԝхуъ", "abcdeghhijklimnopqrstuvwxyb", strict=True))
_GREEK = dict(zip("αβγδεζηικλμνορστυχωϳ", "abydezniklmvopotuxwj", strict=True))
_ARMENIAN = dict(zip("ոսհցօյք", "nuhgojp", strict=True))
_LATIN_VARIANTS = dict(zip("ɑɡıɩᴦϲłøđħŧ", "agiirclodht", strict=True))
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True))
_ENCLOSED = {
    chr(first + index): chr(ord("a") + index)
    for first in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
    for index in range(26)
}
_LOOKS_LIKE = str.maketrans(_CYRILLIC | _GREEK | _ARMENIAN)
_IS_LATIN_STYLE = str.maketrans(_SMALL_CAPITALS | _ENCLOSED | _LATIN_VARIANTS)
_IMITATING = frozenset(_CYRILLIC | _GREEK | _ARMENIAN)


def visible(text: str) -> str:
    """The text without characters a reader cannot see; real scripts and line ends stay.

    Joiners stay where a script or an emoji needs them, because there they change what is read.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = (
        char
        for index, char in enumerate(text)
        if char in _KEPT_CONTROLS
        or unicodedata.category(char) not in _REMOVED_CATEGORIES
        or (char in _JOINERS and index > 0 and _uses_joiners(text[index - 1]))
    )
    return _REMOVED.sub("", "".join(kept))


def _uses_joiners(before: str) -> bool:
    code = ord(before)
    return 0x0600 <= code <= 0x109F or before == "\ufe0f" or 0x2600 <= code <= 0x27BF or code >= 0x1F300


def hidden_payloads(text: str) -> list[str]:
    """Text written in tag characters or variation selectors, decoded; empty for honest text."""
    if text.isascii():
        return []
    unflagged = _FLAG.sub("", text)
    tags = "".join(_TAG_RUN.findall(unflagged))
    spelled = ["".join(chr(ord(char) - 0xE0000) for char in tags)] if tags else []
    spelled += [_selector_bytes(run) for run in _SELECTOR_RUN.findall(text)]
    return [payload for payload in spelled if payload]


def _selector_bytes(run: str) -> str:
    # VS1 to VS16 stand for the bytes 0 to 15, VS17 to VS256 for 16 to 255.
    codes = (ord(char) for char in run)
    values = bytes(code - 0xFE00 if code < 0xE0100 else code - 0xE0100 + 16 for code in codes)
    return values.decode("utf-8", "replace")


def has_direction_overrides(text: str) -> bool:
    return not text.isascii() and _BIDI.search(text) is not None


def as_displayed(text: str) -> str:
    """The text with right-to-left overrides carried out, as a reader sees it."""
    return _RIGHT_TO_LEFT.sub(lambda match: match.group(1)[::-1], text)


def folded(text: str) -> str:
    """Lower case, compatibility forms and styled Latin letters folded, marks stripped."""
    if text.isascii():
        return text.lower()
    styled = text.translate(_IS_LATIN_STYLE)
    plain = unicodedata.normalize("NFKC", styled).casefold().translate(_IS_LATIN_STYLE)
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in decomposed if not unicodedata.category(char).startswith("M"))


def mixes_scripts(text: str) -> bool:
    """Whether a word of the folded text has Latin letters and look-alikes of another script."""
    if text.isascii():
        return False
    return any(
        any(char in _IMITATING for char in word) and any("a" <= char <= "z" for char in word)
        for word in _WORD.findall(text)
    )


def unmasked(text: str) -> str:
    """The folded text with look-alikes read as the Latin letters they imitate."""
    return text.translate(_LOOKS_LIKE)


def compatibility_folded(text: str) -> str:
    """Full-width, mathematical, circled and ligature letters as plain ones; fractions and powers stay."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", text)
    return "".join(_fold_letter(char) if ord(char) >= 0x2460 else char for char in composed)


def _fold_letter(char: str) -> str:
    folded_char = unicodedata.normalize("NFKC", char)
    return folded_char if len(folded_char) == 1 and folded_char.isascii() else char
