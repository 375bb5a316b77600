"""Bounds on a question, before anything reads it closely."""

import unicodedata

from retrieval.values.verdicts import Action, Finding

# Honest prose repeats hardly any of its eight-letter stretches, a pasted table half of them.
_REPETITION_CHARS_MIN = 300
_STRETCH_CHARS = 8
_DISTINCT_SHARE_MIN = 0.3


def broken_limit(text: str, question_chars_max: int) -> Finding | None:
    """The limit that the text breaks, or None. Reads no more of a long text than its length."""
    if len(text) > question_chars_max:
        return _finding("limits.length")
    if not any(unicodedata.category(char)[0] in "LN" for char in text):
        return _finding("limits.empty")
    if _repeats(text):
        return _finding("limits.repetition")
    return None


def _repeats(text: str) -> bool:
    count = len(text) - _STRETCH_CHARS + 1
    if len(text) < _REPETITION_CHARS_MIN:
        return False
    distinct = {text[start : start + _STRETCH_CHARS] for start in range(count)}
    return len(distinct) < _DISTINCT_SHARE_MIN * count


def _finding(rule: str) -> Finding:
    return Finding(rule=rule, action=Action.BLOCK)
