"""One protocol per component of the query flow. Implementations are picked in `assembly.py` only."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.values.answers import Answered, Outcome, Usage
from retrieval.values.chunks import Candidates, NewChunk, PermittedChunks
from retrieval.values.events import ChunksPermitted, Event
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.spaces import Space
from retrieval.values.verdicts import Verdict

Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """One text as the encoder read it.

    vector: float32, shape (dimensions,), L2-normalised.
    states: float32, shape (tokens, hidden), or None where the encoder does not give them away.
    offsets: character offsets of each token into the text, end exclusive; () without states.
    """

    vector: NDArray[np.float32]
    states: NDArray[np.float32] | None = None
    offsets: tuple[tuple[int, int], ...] = ()


class Encoder(Protocol):
    """Turns text into vectors. `name` and `dimensions` identify the space; spaces never mix."""

    name: str
    dimensions: int
    tokens_max: int

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts, in order. Blocking; safe to call from several threads.

        Raises EncoderUnavailable when a remote encoder cannot be reached.
        """
        ...

    async def encode_one(self, text: str) -> Encoding:
        """Encode one text without blocking the event loop."""
        ...


class TenantSettings(Protocol):
    """What tenants have decided for themselves, kept in memory so that no step waits for it."""

    async def refresh(self, tenant_id: UUID) -> None:
        """Read the tenant's settings again if what is in memory has had its time."""
        ...


class InputGuardrail(Protocol):
    async def inspect(self, question: Question) -> SafeQuestion | Verdict:
        """Judge a question: a SafeQuestion to go on with, or the blocking Verdict."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Nothing was cached. An answer made from here on belongs to the epoch that was read then."""

    epoch: int


class AnswerCache(Protocol):
    """Answers at two points of the flow. Lookups match exactly now; semantic matches fit behind them."""

    async def lookup_question(self, question: SafeQuestion) -> Answered | Miss:
        """An answer stored for this question under the same rights and the same state of everything."""
        ...

    async def lookup_evidence(self, query: SearchQuery, permitted: PermittedChunks) -> Answered | None:
        """An answer generated from exactly this evidence for this question, by anyone."""
        ...

    async def store(
        self, query: SearchQuery, permitted: PermittedChunks, answer: Answered, miss: Miss
    ) -> bool:
        """Keep a safe, cited answer for both lookups. False when it does not qualify.

        miss: from this question's own lookup, made before retrieval; a change since then leaves the
        answer in an epoch that nobody asks for any more.
        """
        ...


class Reformulator(Protocol):
    async def reformulate(self, question: SafeQuestion) -> SearchQuery:
        """Make a follow-up stand on its own and add the tenant's long forms."""
        ...


class Retriever(Protocol):
    async def retrieve(self, query: SearchQuery) -> Candidates:
        """The best chunks under the asker's rights, from dense and lexical search fused."""
        ...


class PermissionFilter(Protocol):
    async def permit(self, candidates: Candidates, query: SearchQuery) -> PermittedChunks:
        """Re-read the truth for what was found and hand out text for what may be read now."""
        ...


class Draft(Protocol):
    """An answer being written: iterate for pieces of text; `usage` is final after the last piece."""

    usage: Usage
    watchwords: tuple[str, ...]  # never to leave: the canary and the system prompt

    def pieces(self) -> AsyncGenerator[str]: ...


class Generator(Protocol):
    """Writes answers. `name` and `prompt_version` are part of every cache key."""

    name: str
    prompt_version: str

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        """Begin an answer with citations [n] to the n-th permitted chunk. No piece: nothing fits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Text that may leave now."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """The end of a watched draft: the whole released text and the verdict on it."""

    text: str
    verdict: Verdict


class OutputGuardrail(Protocol):
    def watch(
        self, draft: Draft, query: SearchQuery, permitted: PermittedChunks
    ) -> AsyncGenerator[Released | Inspected]:
        """Hold text back until it is judged; ends with exactly one Inspected.

        After a blocking verdict nothing more is released.
        """
        ...


class AuditTrail(Protocol):
    """Fails closed: any error here ends the question without an answer."""

    async def open(self, question: Question) -> None:
        """Append the opening entry, durably, before any work."""
        ...

    async def retrieved(self, question: Question, event: ChunksPermitted) -> None:
        """Append what was read and what was denied, durably, before any text leaves."""
        ...

    async def close(self, question: Question, ending: "Ending") -> None:
        """Append the closing entry, whatever the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a question ended: `outcome`, or None with the name of what stopped it."""

    outcome: Outcome | None
    name: str  # answered, cached, refused, nothing_found, withheld, failed, abandoned, revoked
    events: tuple[Event, ...]
    stages_ms: dict[str, float]
    total_ms: float
    error: str = ""  # class name of the exception; never its message


class Watch(Protocol):
    """One question's right to go on, from its beginning to the last piece of its answer."""

    lost: bool

    def rests_on(self, document_ids: Sequence[UUID]) -> None:
        """Say what the answer is made from: losing any of it ends the answer, too."""
        ...

    def on_loss(self, stop: Callable[[], object]) -> None:
        """Have `stop` called, in the event loop, the moment the right is lost."""
        ...

    async def confirm(self) -> None:
        """Return if what comes next may still be told. Raises AccessRevoked, or what the database raises."""
        ...

    async def conclude(self) -> None:
        """The same for an answer as a whole: looked up once more where it took time to write."""
        ...


class Standing(Protocol):
    """Who loses the right to an answer while it is being given."""

    def watch(self, question: Question) -> AbstractAsyncContextManager[Watch]:
        """Watch over the asker's credential, membership, grants and evidence until the context ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The parts of the flow. `assembly.py` fills this; tests put fakes in."""

    audit_trail: AuditTrail
    standing: Standing
    settings: TenantSettings
    input_guardrail: InputGuardrail
    cache: AnswerCache
    reformulator: Reformulator
    retriever: Retriever
    permission_filter: PermissionFilter
    generator: Generator
    output_guardrail: OutputGuardrail


class DocumentGuardrail(Protocol):
    def inspect_document(self, tenant_id: UUID, texts: Sequence[str], hidden: Sequence[str]) -> Verdict:
        """Judge a document before it is searchable: its chunks, and text a reader would not see."""
        ...


class ChunkIndex(Protocol):
    """Where chunks are kept for search; writes happen inside the caller's `managing` transaction."""

    def add(
        self,
        tenant_id: UUID,
        version_id: UUID,
        chunks: Sequence[NewChunk],
        vectors: "NDArray[np.float32] | Mapping[Space, NDArray[np.float32]]",
    ) -> None:
        """Add chunks to a version of a document; they are found once the document names that version.

        vectors: shape (len(chunks), dimensions), L2-normalised; by space, or of the index's own.
        Raises SpaceMoved when those of the index's space are not among them.
        """
        ...

    def withdraw(self, tenant_id: UUID, version_id: UUID) -> int:
        """Take some chunks of a version out of search, and say how many; 0 when none are left."""
        ...

    def forget_text(self, tenant_id: UUID, version_id: UUID) -> None:
        """Delete what a withdrawn version says."""
        ...

    def remove(self, tenant_id: UUID, document_id: UUID) -> None:
        """Take every version of a document out of search, and its text."""
        ...
