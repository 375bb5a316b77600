"""Recognises questions that lean on the conversation before them. English; others pass as they are."""

import re

from retrieval.generation.terms import content_stems

SHORT_WORDS_MAX = 7  # in a question this short a pronoun points back, whatever stands before it
FRAGMENT_WORDS_MAX = 3

_LEADING = re.compile(
    r"(?:and|but|or|also|what about|how about|same for|the same for)\b|(?:why|how so|how come)\W*$",
    re.IGNORECASE,
)
# Case counts for "it": IT is a department. "Is there", "does it take" and "is it possible" point to nothing.
_POINTING = re.compile(
    r"\b(?:[Ii]t(?:s|self)?|[Tt]h(?:ey|em|eir|eirs|ose|ese)|[Hh]e|[Ss]he|[Hh]is|[Hh]ers?|[Hh]im"
    r"|[Tt]his(?: one)?(?=\W*$|\s+(?:is|was|does|apply|applies|mean|work|happen|change|cost|count))"
    r"|[Tt]hat(?: one)?(?=\W*$|\s+(?:is|was|does|apply|applies|mean|work|happen|change|cost|count))"
    r"|(?:ones?|(?<!is )(?<!are )there)(?=\W*$)|the (?:former|latter|same|(?:first|second|other) one))\b"
)
_EXPLETIVE = re.compile(
    r"\b(?:does|did|will|would|may|can) it take\b"
    r"|\b(?:is|was) it (?:possible|allowed|permitted|ok|okay|true|required|necessary|mandatory|forbidden)\b"
    r"|\bthose (?:who|that|which)\b",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(
    r"(?:in|on|at|for|with|without|from|to|after|before|since|until|by|who|when|where|which|how|what)\b",
    re.IGNORECASE,
)


def leans_back(question: str) -> bool:
    """Whether the question can only be understood with the one before it."""
    question = " ".join(question.split())
    return bool(_LEADING.match(question)) or _points_back(question) or _is_fragment(question)


def _points_back(question: str) -> bool:
    pointing = _POINTING.search(_EXPLETIVE.sub("", question))
    if not pointing:
        return False
    # "Can an employee carry leave over when they are ill?" brings its own "they" along.
    before = content_stems(question[: pointing.start()])
    return len(before) < 2 or len(question.split()) <= SHORT_WORDS_MAX


def _is_fragment(question: str) -> bool:
    words = question.split()
    if len(words) > FRAGMENT_WORDS_MAX:
        return False
    return len(words) <= 1 or question.endswith("?") or bool(_FRAGMENT.match(question))
