"""From text to the terms of lexical search. Documents and questions go through the same steps."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from threading import local
from zlib import crc32

from snowballstemmer import stemmer

from retrieval.language.stop_words import STOP_WORDS

# Terms are hashed into this many dimensions. With 50,000 different terms in a tenant about one in
# twenty shares its dimension with another, almost always one that no question holds beside it.
TERM_SPACE = 1 << 20

# Longer runs are encoded files and the like, not words that anybody asks for.
TERM_CHARS_MAX = 64
STEMS_KEPT = 1 << 17  # in memory, by word: about 20 MB when full

WORD = r"[^\W_]+"
# Words, joined by what stands inside identifiers, versions, dates, hosts and addresses.
RUN = re.compile(rf"{WORD}(?:[-._/:@]{WORD})*")
PART = re.compile(WORD)
HELD_TOGETHER = re.compile(r"[\d_@]")  # such a run is found as a whole, too

_own = local()


def analyse(text: str) -> list[str]:
    """The English stems of a text, in order, repeated as they are there; stop words are left out.

    Case and compatibility forms (NFKC) do not matter and digits stay. An identifier such as ERR-4012
    gives itself, err-4012, and then its parts, err and 4012.
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    stems: list[str] = []
    for run in RUN.findall(folded):
        parts = [run] if run.isalnum() else PART.findall(run)
        if len(parts) > 1 and len(run) <= TERM_CHARS_MAX and HELD_TOGETHER.search(run):
            stems.append(run)
        stems.extend(stem(part) for part in parts if part not in STOP_WORDS and len(part) <= TERM_CHARS_MAX)
    return stems


def document_terms(text: str) -> dict[int, int]:
    """How often each term stands in a text, by term id."""
    return dict(Counter(map(term_id, analyse(text))))


@lru_cache(maxsize=STEMS_KEPT)
def term_id(stem: str) -> int:
    """A stem's dimension, from 0 and below TERM_SPACE; the same in every process and release."""
    return crc32(stem.encode()) % TERM_SPACE


@lru_cache(maxsize=STEMS_KEPT)
def stem(word: str) -> str:
    """A lower-case word without its English inflection (Porter's second algorithm, Snowball)."""
    return str(_stemmer().stemWord(word))


def _stemmer() -> stemmer:
    # One a thread: a stemmer keeps the word it works on as its own state.
    if not hasattr(_own, "english"):
        _own.english = stemmer("english")
    return _own.english
