"""Marks documents as quoted material, so that a model can tell data from instructions.

After "Defending Against Indirect Prompt Injection Attacks With Spotlighting" (arXiv:2403.14720).
"""

import re
import secrets
from dataclasses import dataclass, field

TAG_NAME = "passage"
MARKERS = ("^", "¦", "·", "¤", "¬")

_OPENING, _CLOSING = "[<＜‹〈⟨﹤]", "[>＞›〉⟩﹥]"
_INVISIBLE = "[\\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]{0,8}"  # bounded: long blanks stay linear
_NAME = _INVISIBLE.join(TAG_NAME)
_LOOK_ALIKE = re.compile(
    rf"{_OPENING}{_INVISIBLE}/?{_INVISIBLE}{_NAME}[^<>\n]{{0,100}}?{_CLOSING}", re.IGNORECASE
)
# Tokenisers of self-hosted models read these as turns of the conversation wherever they stand.
_CHAT_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</?s>(?=\s*(?:\[INST\]|$))",
    re.IGNORECASE,
)
_MARK = re.compile(r"\[(\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*)\]")


def quoted_marks_disarmed(text: str) -> str:
    """Turn a document's own "[3]" into "(3)": only this answer's marks may point at passages."""
    return _MARK.sub(r"(\1)", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spotlight:
    """One request's delimiter, which no document can know when it is written."""

    tag: str = field(default_factory=lambda: f"{TAG_NAME}-{secrets.token_hex(8)}")

    def cleaned(self, text: str) -> str:
        """Remove the tag, look-alikes of it and chat control tokens, until none is left.

        Removing one can join the halves of another, so it repeats; a text that still has some
        after ten rounds loses its opening brackets instead.
        """
        for _ in range(10):
            shorter = _CHAT_TOKEN.sub(" ", _LOOK_ALIKE.sub(" ", text)).replace(self.tag, " ")
            if shorter == text:
                return quoted_marks_disarmed(text)
            text = shorter
        return quoted_marks_disarmed(re.sub(f"{_OPENING}|\\[", " ", text))

    def delimited(self, number: int, body: str) -> str:
        return f'<{self.tag} number="{number}">\n{body}\n</{self.tag}>'


def unused_marker(texts: list[str]) -> str:
    """A random marker that stands in none of the texts; the first one when all are taken."""
    free = [marker for marker in MARKERS if not any(marker in text for text in texts)]
    return secrets.choice(free) if free else MARKERS[0]


def datamarked(text: str, marker: str) -> str:
    """Put the marker between the words of a text, keeping its lines."""
    return re.sub(r"[^\S\n]+", marker, text.replace(marker, " "))
