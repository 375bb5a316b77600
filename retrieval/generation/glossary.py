"""The long forms of a tenant's acronyms and terms that stand in a question."""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol
from uuid import UUID

from retrieval.generation.terms import content_stems

EXPANSIONS_MAX = 5
EXPANSION_CHARS_MAX = 120


class GlossarySource(Protocol):
    def terms_for(self, tenant_id: UUID) -> Mapping[str, str]:
        """The tenant's terms and acronyms with their long forms; must not block."""
        ...


def expansions_in(text: str, terms: Mapping[str, str]) -> tuple[str, ...]:
    """Long forms of the terms in a text, each once, in the text's order, without those it has already."""
    found: dict[str, int] = {}
    folded = text.casefold()
    for term, expansion in terms.items():
        # A plain search first: a glossary may have thousands of terms and a question holds two.
        if term and term.casefold() in folded and expansion.casefold() not in folded:
            for position in _positions(term, text):
                found.setdefault(" ".join(expansion.split())[:EXPANSION_CHARS_MAX], position)
                break
    return tuple(sorted(found, key=lambda expansion: found[expansion])[:EXPANSIONS_MAX])


def _positions(term: str, text: str) -> Iterator[int]:
    """Where the term stands as a whole word; acronyms in capitals, where that tells them from words."""
    exact = _is_acronym(term) and not _typed_in_small_letters(term, text)
    pattern = rf"(?<!\w){re.escape(term)}(?:['’]?s)?(?!\w)"
    for match in re.finditer(pattern, text, 0 if exact else re.IGNORECASE):
        yield match.start()


def _is_acronym(term: str) -> bool:
    return term.isupper() and len(term) > 1


def _typed_in_small_letters(term: str, text: str) -> bool:
    """Whether "pto" may mean PTO: its writer used no capitals, and it carries meaning, as "it" does not."""
    return not any(map(str.isupper, text[1:])) and bool(content_stems(term))
