"""The whole site over ASGI with a scripted model; documents, rights, audit and pages are the real ones."""

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

from ragsite.asgi import application  # noqa: I001  (starts Django, on which all below depend)

from accounts.database import in_database, reading
from accounts.scope import AccessScope
from retrieval.api import queries
from retrieval.audit.trail import DatabaseAuditTrail
from retrieval.errors import GeneratorUnavailable
from retrieval.interfaces import Components, Draft, Inspected, Miss, Released
from retrieval.models import ChunkText, Document
from retrieval.standing.watching import DatabaseStanding
from retrieval.values.answers import Answered, Usage
from retrieval.values.chunks import Candidates, PermittedChunk, PermittedChunks, SearchPlan
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Action, Finding, Verdict
from tests.browser import scripts

__all__ = ["application"]

PIECES = {
    scripts.HOLIDAY: scripts.HOLIDAY_PIECES,
    scripts.MASKED_TEXT: scripts.HOLIDAY_PIECES,
    scripts.WITHHELD: scripts.WITHHELD_PIECES,
    scripts.BROKEN: ("A first word",),
    scripts.ENDLESS: scripts.ENDLESS_PIECES,
    scripts.HOSTILE: tuple(scripts.HOSTILE_TEXT),
}


def verdict(rule: str, action: Action) -> Verdict:
    return Verdict(findings=(Finding(rule=rule, action=action),), detector="scripted")


class ScriptedDraft:
    usage = Usage(model="scripted")
    watchwords: tuple[str, ...] = ()

    def __init__(self, question: str) -> None:
        self.question = question

    async def pieces(self) -> AsyncGenerator[str]:
        for piece in PIECES.get(self.question, ()):
            yield piece
        if self.question == scripts.BROKEN:
            raise GeneratorUnavailable("The language model does not answer at the moment. Try again later.")
        if self.question == scripts.ENDLESS:
            await asyncio.Event().wait()


class ScriptedParts:
    """Every component but the audit trail."""

    name, prompt_version = "scripted", "1"

    async def refresh(self, tenant_id: UUID) -> None:
        """Tenants have decided nothing."""

    async def inspect(self, question: Question) -> SafeQuestion | Verdict:
        if question.text == scripts.REFUSED:
            return verdict("injection.override", Action.BLOCK)
        if question.text == scripts.MASKED:
            masked = verdict("pii.US_SSN", Action.MASK)
            return SafeQuestion(question=question, text=scripts.MASKED_TEXT, verdict=masked)
        return SafeQuestion(question=question, text=question.text, verdict=Verdict())

    async def lookup_question(self, question: SafeQuestion) -> Answered | Miss:
        return Miss(epoch=0)

    async def lookup_evidence(self, query: SearchQuery, permitted: PermittedChunks) -> Answered | None:
        return None

    async def store(self, query: Any, permitted: Any, answer: Any, miss: Any) -> bool:
        return False

    async def reformulate(self, question: SafeQuestion) -> SearchQuery:
        return SearchQuery(question=question, text=question.text)

    async def retrieve(self, query: SearchQuery) -> Candidates:
        return Candidates(ranked=(), plan=SearchPlan(path="exact", readable_chunks=0))

    async def permit(self, candidates: Candidates, query: SearchQuery) -> PermittedChunks:
        if query.text == scripts.NOTHING:
            return PermittedChunks(chunks=())
        return PermittedChunks(chunks=await in_database(readable_chunks, query.scope))

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        return ScriptedDraft(query.text)

    async def watch(
        self, draft: Draft, query: SearchQuery, permitted: PermittedChunks
    ) -> AsyncGenerator[Released | Inspected]:
        """Lets everything through: the page must be safe without this guardrail, too."""
        text = ""
        async for piece in draft.pieces():
            text += piece
            yield Released(text=piece)
        blocked = query.text == scripts.WITHHELD
        yield Inspected(text=text, verdict=verdict("leak.canary", Action.BLOCK) if blocked else Verdict())


def readable_chunks(scope: AccessScope) -> tuple[PermittedChunk, ...]:
    with reading(scope):
        documents = Document.objects.readable_by(scope)
        chunks = ChunkText.objects.filter(version__document__in=documents).select_related("version__document")
        return tuple(
            PermittedChunk(
                chunk_id=chunk.chunk_id, document_id=chunk.version.document_id, ordinal=chunk.ordinal, rank=rank,
                score=1 / rank, title=chunk.version.document.title, heading=chunk.heading, page=chunk.page,
                text=chunk.body, start_char=chunk.start_char, end_char=chunk.end_char,
                digest=bytes(chunk.digest),
            )
            for rank, chunk in enumerate(chunks.order_by("-version__document__title", "ordinal")[:6], start=1)
        )  # fmt: skip


def scripted_components() -> Components:
    parts = ScriptedParts()
    return Components(
        audit_trail=DatabaseAuditTrail(),
        standing=DatabaseStanding(),
        settings=parts,
        input_guardrail=parts,
        cache=parts,
        reformulator=parts,
        retriever=parts,
        permission_filter=parts,
        generator=parts,
        output_guardrail=parts,
    )


queries.components = scripted_components  # type: ignore[assignment]  # the same without its cache
