"""Components that obey: each does what its interface promises, from a script."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

from accounts.scope import AccessScope
from retrieval.errors import AccessRevoked
from retrieval.interfaces import Components, Draft, Ending, Inspected, Miss, Released
from retrieval.values.answers import Answered, Citation, Source, Usage
from retrieval.values.chunks import (
    Candidate,
    Candidates,
    DeniedChunk,
    PermittedChunk,
    PermittedChunks,
    SearchPlan,
)
from retrieval.values.events import ChunksPermitted, Event
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Action, Finding, Verdict

TENANT = UUID(int=1)
DOCUMENT = UUID(int=7)
BLOCKED = Verdict(findings=(Finding(rule="injection.override", action=Action.BLOCK),), detector="test")


def a_question(text: str = "How many days?", **changes: object) -> Question:
    scope = AccessScope(tenant_id=TENANT, user_id=1, group_ids=frozenset({2}))
    return replace(Question(text=text, scope=scope, request_id=uuid4()), **changes)  # type: ignore[arg-type]


def a_permitted_chunk(**changes: object) -> PermittedChunk:
    chunk = PermittedChunk(
        chunk_id=1, document_id=DOCUMENT, ordinal=0, rank=1, score=1.0, title="Holiday policy", heading="", page=None,
        text="You have 27 days.", start_char=0, end_char=17, digest=b"d",
    )  # fmt: skip
    return replace(chunk, **changes)  # type: ignore[arg-type]


def an_answer(text: str = "27 days [1].", source: Source = Source.EXACT_CACHE) -> Answered:
    citation = Citation(
        number=1, chunk_id=1, document_id=DOCUMENT, ordinal=0, title="Holiday policy", heading="", page=None, quote="q"
    )  # fmt: skip
    return Answered(
        text=text, citations=(citation,), source=source, verdict=Verdict(), usage=Usage(model="m"),
        document_ids=(DOCUMENT,),
    )  # fmt: skip


class Calls(list[str]):
    """The steps in the order in which they were taken, over all fakes of one test."""


class MemoryTrail:
    def __init__(self, calls: Calls, broken: str = "") -> None:
        self.calls = calls
        self.broken = broken
        self.endings: list[Ending] = []

    async def open(self, question: Question) -> None:
        self._write("open")

    async def retrieved(self, question: Question, event: ChunksPermitted) -> None:
        self._write("retrieved")

    async def close(self, question: Question, ending: Ending) -> None:
        self._write("close")
        self.endings.append(ending)

    def _write(self, entry: str) -> None:
        if self.broken == entry:
            raise OSError("the trail is gone")
        self.calls.append(f"audit.{entry}")


class ScriptedDraft:
    usage = Usage(model="scripted", input_tokens=3, output_tokens=2)
    watchwords: tuple[str, ...] = ()

    def __init__(
        self, pieces: tuple[str, ...], error: BaseException | None, wait: Callable[[], object] | None
    ) -> None:
        self._pieces, self._error, self._wait = pieces, error, wait

    async def pieces(self) -> AsyncGenerator[str]:
        for piece in self._pieces:
            yield piece
        if self._wait is not None:
            await self._wait()  # type: ignore[misc]
        if self._error is not None:
            raise self._error


class ScriptedWatch:
    """Loses the right once `confirms` confirmations have been given; never without it."""

    def __init__(self, confirms: int | None) -> None:
        self.left = confirms
        self.lost = False
        self.documents: list[UUID] = []
        self.stops: list[Callable[[], object]] = []

    def rests_on(self, document_ids: Sequence[UUID]) -> None:
        self.documents.extend(document_ids)

    def on_loss(self, stop: Callable[[], object]) -> None:
        self.stops.append(stop)

    def lose(self) -> None:
        self.lost = True
        for stop in self.stops:
            stop()

    async def confirm(self) -> None:
        if self.left == 0:
            self.lose()
        if self.lost:
            raise AccessRevoked("Your access changed while this was being answered.")
        if self.left is not None:
            self.left -= 1

    conclude = confirm


class ScriptedStanding:
    def __init__(self, confirms: int | None = None) -> None:
        self.watches: list[ScriptedWatch] = []
        self.confirms = confirms

    @asynccontextmanager
    async def watch(self, question: Question) -> AsyncIterator[ScriptedWatch]:
        self.watches.append(ScriptedWatch(self.confirms))
        yield self.watches[-1]


class Parts:
    """Every component but the trail, sharing one list of calls."""

    name, prompt_version = "scripted", "1"

    def __init__(self, calls: Calls, **script: object) -> None:
        self.calls = calls
        self.script = script
        self.stored: list[tuple[Answered, Miss]] = []

    async def refresh(self, tenant_id: UUID) -> None:
        self.calls.append("settings")

    async def inspect(self, question: Question) -> SafeQuestion | Verdict:
        self.calls.append("inspect")
        if self.script.get("blocked"):
            return BLOCKED
        return SafeQuestion(question=question, text=question.text, verdict=Verdict(detector="test"))

    async def lookup_question(self, question: SafeQuestion) -> Answered | Miss:
        self.calls.append("exact")
        return self.script.get("exact") or Miss(epoch=4)  # type: ignore[return-value]

    async def lookup_evidence(self, query: SearchQuery, permitted: PermittedChunks) -> Answered | None:
        self.calls.append("evidence")
        return self.script.get("evidence")  # type: ignore[return-value]

    async def store(
        self, query: SearchQuery, permitted: PermittedChunks, answer: Answered, miss: Miss
    ) -> bool:
        self.calls.append("store")
        self.stored.append((answer, miss))
        return True

    async def reformulate(self, question: SafeQuestion) -> SearchQuery:
        self.calls.append("reformulate")
        return SearchQuery(question=question, text=question.text)

    async def retrieve(self, query: SearchQuery) -> Candidates:
        self.calls.append("retrieve")
        if error := self.script.get("retriever_error"):
            raise error  # type: ignore[misc]
        ranked = (Candidate(chunk_id=1, document_id=DOCUMENT, score=1.0),)
        return Candidates(ranked=ranked, plan=SearchPlan(path="exact", readable_chunks=1))

    async def permit(self, candidates: Candidates, query: SearchQuery) -> PermittedChunks:
        self.calls.append("permit")
        if self.script.get("denied"):
            denied = DeniedChunk(chunk_id=1, document_id=DOCUMENT, rank=1, score=1.0, reason="no_grant")
            return PermittedChunks(chunks=(), denied=(denied,))
        return PermittedChunks(chunks=(a_permitted_chunk(),))

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        self.calls.append("generate")
        return ScriptedDraft(
            self.script.get("pieces", ("27 ", "days [1].")),  # type: ignore[arg-type]
            self.script.get("generator_error"),  # type: ignore[arg-type]
            self.script.get("wait"),  # type: ignore[arg-type]
        )

    async def watch(
        self, draft: Draft, query: SearchQuery, permitted: PermittedChunks
    ) -> AsyncGenerator[Released | Inspected]:
        text = ""
        async for piece in draft.pieces():
            text += piece
            yield Released(text=piece)
        verdict = BLOCKED if self.script.get("withheld") else Verdict()
        yield Inspected(text=text, verdict=verdict)


def some_components(
    calls: Calls | None = None,
    *,
    audit_broken: str = "",
    standing: ScriptedStanding | None = None,
    **script: object,
) -> Components:
    calls = Calls() if calls is None else calls
    parts = Parts(calls, **script)
    return Components(
        audit_trail=MemoryTrail(calls, broken=audit_broken),
        standing=standing or ScriptedStanding(),
        settings=parts,
        input_guardrail=parts,
        cache=parts,
        reformulator=parts,
        retriever=parts,
        permission_filter=parts,
        generator=parts,
        output_guardrail=parts,
    )


async def silent(event: Event) -> None:
    """Listen to nothing."""
