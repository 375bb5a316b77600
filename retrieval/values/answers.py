"""How a question can end. Every door matches these case by case, without `case _`."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from retrieval.values.verdicts import Verdict


class Source(StrEnum):
    """Where an answer's text came from."""

    GENERATED = "generated"
    EXACT_CACHE = "exact_cache"
    EVIDENCE_CACHE = "evidence_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A numbered mark in an answer, bound to the chunk it stands for."""

    number: int  # as in "[1]", from 1
    chunk_id: int
    document_id: UUID
    ordinal: int
    title: str
    heading: str
    page: int | None
    quote: str  # the cited chunk's text, at most QUOTE_CHARS_MAX characters
    version: int = 0  # of the document, from 1; 0 where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the model counted them; zeros for the extractive generator."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The question has an answer, guarded and cited."""

    text: str
    citations: tuple[Citation, ...]
    source: Source
    verdict: Verdict  # of the output guardrail
    usage: Usage
    document_ids: tuple[UUID, ...]  # of every chunk in the prompt, cited or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The input guardrail would not let the question in."""

    rule: str  # named to the asker; the pattern that matched never is


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingFound:
    """Nothing the asker may read answers the question; absent and forbidden look the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """The output guardrail stopped the answer; what had been released is to be taken back."""

    rule: str


Outcome = Answered | Refused | NothingFound | Withheld
