"""What the flow tells while it works. The audit trail and the client's stream both listen."""

from dataclasses import dataclass
from uuid import UUID

from retrieval.values.answers import Citation, Usage
from retrieval.values.chunks import PermittedChunks, SearchPlan
from retrieval.values.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionInspected:
    stage = "input_guardrail"
    verdict: Verdict
    text: str  # the question as it goes on, masked where policy says so; "" when it was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCacheChecked:
    stage = "exact_cache"
    hit: bool
    document_ids: tuple[UUID, ...] = ()  # what the cached answer rests on


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionReformulated:
    stage = "reformulation"
    changed: bool  # a follow-up was rewritten to stand on its own
    expansions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksRetrieved:
    stage = "retrieval"
    plan: SearchPlan
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksPermitted:
    """Every chunk considered, allowed and denied; the audit trail writes this before any text leaves."""

    stage = "permission_filter"
    permitted: PermittedChunks


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCacheChecked:
    stage = "evidence_cache"
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesNamed:
    """The passages an answer may cite, sent before its first word."""

    stage = "sources"
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReleased:
    """A piece of the answer that the output guardrail has judged."""

    stage = "generation"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerInspected:
    stage = "output_guardrail"
    verdict: Verdict
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStored:
    stage = "cache_update"
    stored: bool


Event = (
    QuestionInspected
    | ExactCacheChecked
    | QuestionReformulated
    | ChunksRetrieved
    | ChunksPermitted
    | EvidenceCacheChecked
    | SourcesNamed
    | TextReleased
    | AnswerInspected
    | AnswerStored
)
