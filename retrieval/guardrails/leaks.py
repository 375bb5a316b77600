"""Signs that the model repeats what only it was told: the canary in any dress, and its own prompt."""

import base64
import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

CANARY_RULE = "leak.canary"
PROMPT_RULE = "leak.system_prompt"

# Eight words in a row are beyond chance: two people who write about the same thing share about five.
PROMPT_WORDS = 8
# Below this many letters and digits, encoded forms would be found in ordinary text.
CANARY_CHARS_MIN = 6

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"[\"\u201c][^\"\u201c\u201d]{1,400}[\"\u201d]")
_WORD_CHARS_MAX = 64  # a longer run is no word of a prompt; it is cut so that memory stays bounded


class CanaryWatch:
    """Looks for a canary across everything written so far, whatever stands between its characters."""

    def __init__(self, canary: str) -> None:
        """canary: the word that must not leave; "" for none.

        Raises ValueError when it is too short to be told from ordinary text.
        """
        if canary and len(_squeezed(canary)) < CANARY_CHARS_MIN:
            raise ValueError(
                f"A canary has at least {CANARY_CHARS_MIN} letters or digits; this one has fewer."
            )
        self._forms = frozenset(form for form in _forms(canary) if len(form) >= CANARY_CHARS_MIN)
        self._keep = max(map(len, self._forms), default=1) - 1
        self._seen = ""

    def leaked(self, text: str) -> bool:
        """Whether the canary has been completed by `text`, which continues all text given before."""
        if not self._forms:
            return False
        read = self._seen + _squeezed(text)
        self._seen = read[-self._keep :]
        return any(form in read for form in self._forms)


def _forms(canary: str) -> Iterator[str]:
    """The canary plain, reversed, rot13 and encoded, all squeezed as the answer will be."""
    spellings = {canary, canary.lower(), canary.upper(), canary[::-1]}
    for spelling in spellings:
        yield _squeezed(spelling)
        yield _squeezed(codecs.encode(spelling, "rot13"))
        raw = spelling.encode()
        for prefix in ("", "0x", "x"):
            yield "".join(f"{prefix}{byte:02x}" for byte in raw)
        yield "".join(map(str, raw))
        yield _squeezed(base64.b32encode(raw).decode().rstrip("="))
        yield from map(_squeezed, _base64_cores(raw))


def _base64_cores(raw: bytes) -> Iterator[str]:
    """What base64 makes of the bytes at each of three alignments, without the characters their
    neighbours have a share in."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        first = -(-before * 8 // 6)
        last = len(coded) if (before + len(raw)) % 3 == 0 else -1
        yield coded[first:last]


def _squeezed(text: str) -> str:
    """Letters and digits only, lower case: blanks, marks and invisible characters hide nothing."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return "".join(filter(str.isalnum, plain)).lower()


class PromptWatch:
    """Looks for a run of the prompt's words in everything written so far."""

    def __init__(self, prompts: Sequence[str], public: Iterable[str] = ()) -> None:
        """prompts: what was told to the model alone.

        public: texts the reader may see anyway (the question, the passages); their words are no leak,
        and neither are words that a prompt gives in quotes, for it quotes what the model shall say.
        """
        self._runs = {run for prompt in prompts for run in _runs(_words(_QUOTED.sub(" . ", prompt)))}
        self._public_texts = tuple(public)
        self._public: set[tuple[str, ...]] | None = None
        self._unfinished = ""
        self._recent: list[str] = []

    def leaked(self, text: str) -> bool:
        """Whether `text`, which continues all text given before, completes a run of the prompt's words."""
        if not self._runs:
            return False
        read = self._unfinished + text
        finished = len(read)
        while finished and (read[finished - 1].isalnum() or read[finished - 1] == "_"):
            finished -= 1
        self._unfinished = read[finished:][-_WORD_CHARS_MAX:]
        words = [*self._recent, *_words(read)]
        self._recent = [*self._recent, *_words(read[:finished])][-(PROMPT_WORDS - 1) :]
        return any(run in self._runs and not self._is_public(run) for run in _runs(words))

    def _is_public(self, run: tuple[str, ...]) -> bool:
        if self._public is None:
            self._public = {r for text in self._public_texts for r in _runs(_words(text))}
        return run in self._public


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(len(words) - PROMPT_WORDS + 1):
        yield tuple(words[start : start + PROMPT_WORDS])
