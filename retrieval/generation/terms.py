"""The content words of a text, stemmed, so that "employees" meets "employee"."""

import re
import threading
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_STOP_TEXT = """
    a about above after again all am an and any anybody anyone are as at be been before being below
    both but by can cannot could did do does doing done down during each either else ever every few
    for from further get gets getting give given gives go goes got had happen happens has have
    having he her here hers him his how however i if in into is it its itself just know let like
    make many may me mean means might more most much must my need needs no nor not now of off often
    on once one ones only or other our ours out over own please same say says shall she should show
    so some such take takes tell than that the their theirs them then there these they thing things
    this those through to too under until up upon us use used was we were what when where whether
    which while who whom whose why will with within without would you your yours
"""
_STOP_WORDS = frozenset(_STOP_TEXT.split())
_stemmer = snowballstemmer.stemmer("english")
_stemming = threading.Lock()


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # The stemmer keeps its place in attributes, so two threads in it would mix their words.
    with _stemming:
        return str(_stemmer.stemWord(word))


def words(text: str) -> list[str]:
    """Words in order, case-folded, without a possessive's ending."""
    return [re.sub(r"['’]s?$", "", word) for word in _WORD.findall(text.casefold())]


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, with repetitions; may be empty."""
    return [_stem(word) for word in words(text) if word not in _STOP_WORDS]
