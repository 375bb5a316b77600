"""The words of a question or sentence that carry its meaning."""

import re

from retrieval.language.analyser import analyse, stem

# Search keeps these, since a document may be about them; in a question they only ask.
_ASKING = "cannot exactly find give go happen know like long make many mean need say soon take tell use"
_ASKING_STEMS = frozenset(map(stem, _ASKING.split()))
_CARRIED = re.compile(r"(?P<own>.+?) \((?P<carried>.+)\)", re.DOTALL)


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, with repetitions; may be empty."""
    return [found for found in analyse(text) if found not in _ASKING_STEMS]


def with_topic(own: str, topic: str) -> str:
    """A follow-up that stands on its own, by the topic of the conversation in brackets after it."""
    return f"{own} ({topic})"


def own_and_carried(question: str) -> tuple[str, str]:
    """A question's own words and the topic that `with_topic` added, "" when it added none."""
    parts = _CARRIED.fullmatch(question)
    return (parts["own"], parts["carried"]) if parts else (question, "")
