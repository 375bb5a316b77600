"""What a person says about herself before she asks: masked by now, and of no use to a search."""

import re

_SENTENCE = re.compile(r"[^.?!]*[.?!]+\s*|[^.?!]+$")
_MASKED = re.compile(r"<[A-Z][A-Z_]*_\d+>")


def without_masked_asides(text: str) -> str:
    """The text without statements that hold a masked value, where a question remains; else as it is.

    "My number is <US_SSN_1>. How long is leave?" asks how long leave is. A masked value inside the
    question itself stays: it shows that something was meant.
    """
    sentences = _SENTENCE.findall(text)
    kept = [said for said in sentences if said.rstrip().endswith("?") or not _MASKED.search(said)]
    remaining = "".join(kept).strip()
    return remaining if remaining.endswith("?") else text
