"""Builders for generation's tests; each states only what matters."""

from hashlib import sha256
from uuid import UUID, uuid4

from accounts.scope import AccessScope
from retrieval.values.chunks import PermittedChunk, PermittedChunks
from retrieval.values.questions import Exchange, Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Verdict

ACME = UUID("11111111-1111-4111-8111-111111111111")


def safe(text: str, *earlier: str, tenant: UUID = ACME) -> SafeQuestion:
    scope = AccessScope(tenant_id=tenant, user_id=1, group_ids=frozenset())
    history = tuple(Exchange(question=question, answer="An answer.") for question in earlier)
    return SafeQuestion(
        question=Question(text=text, scope=scope, history=history), text=text, verdict=Verdict()
    )


def query(text: str, *expansions: str) -> SearchQuery:
    return SearchQuery(question=safe(text), text=text, expansions=expansions)


def chunk(
    text: str,
    *,
    title: str = "Handbook",
    heading: str = "",
    page: int | None = None,
    score: float = 0.8,
    dense_score: float | None = None,
) -> PermittedChunk:
    return PermittedChunk(
        chunk_id=1,
        document_id=uuid4(),
        ordinal=0,
        rank=1,
        score=score,
        title=title,
        heading=heading,
        page=page,
        text=text,
        start_char=0,
        end_char=len(text),
        digest=sha256(text.encode()).digest(),
        dense_score=dense_score,
    )


def permitted(*chunks: PermittedChunk | str) -> PermittedChunks:
    return PermittedChunks(chunks=tuple(chunk(c) if isinstance(c, str) else c for c in chunks))
