"""A draft that says what it is told, and the guardrail watching it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID, uuid4

from accounts.scope import AccessScope
from compliance.pii import PiiEngine
from compliance.pii.policy import PiiPolicy
from retrieval.guardrails.output import DefaultOutputGuardrail
from retrieval.guardrails.policy import GuardPolicy
from retrieval.interfaces import Inspected, Released
from retrieval.values.answers import Usage
from retrieval.values.chunks import PermittedChunk, PermittedChunks
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Verdict

ALLOWED_HOST = "docs.acme.example"
PII = PiiEngine()
CANARY = "9f3c51e07ab84d26"
PROMPT = (
    'You are the house librarian and quote nothing that stands outside of these seven shelves. Say "no book".'
)


@dataclass
class ScriptedDraft:
    """Writes the given pieces, then raises `error` if there is one; remembers whether it was closed."""

    texts: Sequence[str]
    watchwords: tuple[str, ...] = (CANARY, PROMPT)
    error: Exception | None = None
    usage: Usage = field(default_factory=lambda: Usage(model="script"))
    written: int = 0
    closed: bool = False

    async def pieces(self) -> AsyncGenerator[str]:
        try:
            for text in self.texts:
                self.written += 1
                yield text
            if self.error:
                raise self.error
        finally:
            self.closed = True


@dataclass(frozen=True)
class OnePolicy:
    """The same policy for every tenant."""

    policy: GuardPolicy

    def policy_for(self, tenant_id: UUID) -> GuardPolicy:
        return self.policy


def policy(*hosts: str, **answer_rules: str) -> GuardPolicy:
    pii = PiiPolicy.from_json({"answer": answer_rules} if answer_rules else {})
    return GuardPolicy(allowed_hosts=hosts or (ALLOWED_HOST,), pii=pii)


def guardrail(given: GuardPolicy | None = None, **options: object) -> DefaultOutputGuardrail:
    return DefaultOutputGuardrail(PII, OnePolicy(given or policy()), **options)  # type: ignore[arg-type]


def search_query(text: str = "Who lends books?") -> SearchQuery:
    scope = AccessScope(tenant_id=uuid4(), user_id=1, group_ids=frozenset())
    safe = SafeQuestion(question=Question(text=text, scope=scope), text=text, verdict=Verdict())
    return SearchQuery(question=safe, text=text)


def permitted(*texts: str) -> PermittedChunks:
    return PermittedChunks(chunks=tuple(_chunk(rank, text) for rank, text in enumerate(texts, start=1)))


def _chunk(rank: int, text: str) -> PermittedChunk:
    return PermittedChunk(
        chunk_id=rank,
        document_id=uuid4(),
        ordinal=0,
        rank=rank,
        score=0.5,
        title="Handbook",
        heading="",
        page=None,
        text=text,
        start_char=0,
        end_char=len(text),
        digest=sha256(text.encode()).digest(),
    )


@dataclass(frozen=True)
class Watched:
    """What left: the released texts joined, and the end of the watch."""

    text: str
    end: Inspected
    releases: tuple[str, ...]

    @property
    def rules(self) -> dict[str, str]:
        return {finding.rule: finding.action.value for finding in self.end.verdict.findings}


def watch(
    draft: ScriptedDraft | str,
    by: DefaultOutputGuardrail | None = None,
    chunks: PermittedChunks | None = None,
) -> Watched:
    """Run a draft through the guardrail to its end."""
    given = ScriptedDraft([draft]) if isinstance(draft, str) else draft
    return asyncio.run(
        _watch(given, by or guardrail(), permitted("one", "two", "three") if chunks is None else chunks)
    )


async def _watch(draft: ScriptedDraft, by: DefaultOutputGuardrail, chunks: PermittedChunks) -> Watched:
    *releases, end = [item async for item in by.watch(draft, search_query(), chunks)]
    assert isinstance(end, Inspected)
    texts = tuple(item.text for item in releases if isinstance(item, Released))
    assert len(texts) == len(releases), "exactly one Inspected, and last"
    return Watched(text="".join(texts), end=end, releases=texts)


def cut(text: str, sizes: Sequence[int]) -> list[str]:
    """The text in pieces of the given sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(text):
        pieces.append(text[at : at + sizes[turn % len(sizes)]])
        at += sizes[turn % len(sizes)]
        turn += 1
    return pieces
