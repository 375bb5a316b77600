"""Whether something decoded reads as language, by letters and common words alone."""

import re

_WORD = re.compile(r"[^\W\d_]+")
_LETTERS_SHARE_MIN = 0.6
_PRINTABLE_SHARE_MIN = 0.95
_WORD_CHARS_MEAN = (2.0, 12.0)

# Words that hardly any sentence of these languages lacks, and those that instructions are made of.
_COMMON = """
a about all an and any are as at be but by can do for from have how i if in is it me my no not of on
    or our out please so that the their then this to up was we what when which who will with you your
    der die das und ist nicht sie alle mit von zu le la les et est vous tout pour avec el los las que
    una con para il di che tutte per
    act answer assistant bound bypass command conversation disable discard disregard enter filters forget
    from ignore initial instruction instructions like limits list longer message mode model never now
    original output override pretend previous print prior prompt question questions refuse repeat reply
    reveal rule rules say secret send show start stop system tell text these things told were without write
"""
COMMON_WORDS = frozenset(re.findall(r"\w+", _COMMON))


def reads_as_language(text: str) -> bool:
    """True for decoded words; False for noise, keys, and binary data that happens to decode."""
    if not text or sum(char.isprintable() or char.isspace() for char in text) < _PRINTABLE_SHARE_MIN * len(
        text
    ):
        return False
    if sum(char.isalpha() or char.isspace() for char in text) < _LETTERS_SHARE_MIN * len(text):
        return False
    words = _WORD.findall(text.lower())
    if not words:
        return False
    shortest, longest = _WORD_CHARS_MEAN
    return shortest <= sum(map(len, words)) / len(words) <= longest and sum(
        word in COMMON_WORDS for word in words
    ) >= max(1, len(words) // 10)
