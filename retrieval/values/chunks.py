"""Pieces of documents, from search to prompt. `PermittedChunks` is the only kind generation takes."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A chunk that search found, not yet readable: ids and scores, no text."""

    chunk_id: int
    document_id: UUID
    score: float  # fused, 0 to 1, higher is better
    dense_score: float | None = None  # cosine, -1 to 1; None: not found by the dense leg
    lexical_score: float | None = None  # BM25; None: not found by the lexical leg


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """Which path the search took and why, for `explain`, the audit entry and the bench."""

    path: str  # "empty", "exact" or "approximate"
    readable_chunks: int  # readable by the asker; capped, see `capped`
    capped: bool = False
    escalated: bool = False  # approximate came back short and the exact scan was run after it
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What the retriever brought, best first, with the plan that found it."""

    ranked: tuple[Candidate, ...]
    plan: SearchPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedChunk:
    """A chunk whose text the asker may read now; made by the permission filter only."""

    chunk_id: int
    document_id: UUID
    ordinal: int  # position in its document, from 0
    rank: int  # position in the search result, from 1
    score: float
    title: str  # of the document
    heading: str  # path of headings above the chunk, "" when there are none
    page: int | None  # from 1; None where the format has no pages
    text: str
    start_char: int  # offsets into the document's extracted text, end exclusive
    end_char: int
    digest: bytes  # SHA-256 of the chunk's text; part of the evidence fingerprint
    dense_score: float | None = None
    version: int = 0  # of the document, from 1; 0 where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedChunk:
    """A chunk that search returned and the permission filter refused: a security event."""

    chunk_id: int
    document_id: UUID
    rank: int
    score: float
    reason: str  # "no_grant", "quarantined", "sensitivity", "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedChunks:
    """Chunks the asker may read now, best first. An architecture test holds who constructs it."""

    chunks: tuple[PermittedChunk, ...]
    denied: tuple[DeniedChunk, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chunks)

    @property
    def document_ids(self) -> tuple[UUID, ...]:
        """The documents the chunks come from, each once, in order of first sight."""
        return tuple(dict.fromkeys(chunk.document_id for chunk in self.chunks))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk:
    """A piece of a document on its way into the index."""

    ordinal: int
    text: str
    heading: str
    page: int | None
    start_char: int
    end_char: int
    section: int = 0  # chunks of one section have the same number
    regions: tuple[tuple[float, ...], ...] = ()  # (page, first, end, left, top, right, bottom) a line of text
    context: str | None = None  # what stood before the text when it was embedded; None: nobody knows any more
