"""One version of a document from file to index, step by step, each under the lease.

A step may be done twice and counts once: whoever goes on after a worker died begins at the last
checkpoint, and chunks are written together with the number that says how many are there.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol
from uuid import UUID

import numpy as np
import structlog
from django.db.models.functions import Now
from numpy.typing import NDArray

from accounts.database import managing
from retrieval.errors import EncoderUnavailable, RetrievalError, SpaceMoved, UnreadableFile
from retrieval.ingestion import leases, vault
from retrieval.ingestion.checkpoints import Parsed, Pieces, keep_parsed, keep_pieces, parsed_before
from retrieval.ingestion.leases import Lease, LeaseLost, State, Suspended
from retrieval.ingestion.parsed import Frame, ParsedBlock, Region
from retrieval.ingestion.publish import begin_anew, publish, tidy
from retrieval.ingestion.scan.findings import Findings
from retrieval.ingestion.splitter import PieceOfText
from retrieval.interfaces import ChunkIndex, DocumentGuardrail, Encoder
from retrieval.models import Document, DocumentVersion, Ingestion
from retrieval.values.chunks import NewChunk
from retrieval.values.spaces import Space
from retrieval.values.verdicts import Verdict

log = structlog.get_logger()

PIECES_AT_ONCE = 64  # of one batch: half a second of embedding, 200 kB of rows
JUDGED_AT_ONCE = 200
RENEWED_EVERY = 3.0  # seconds, so that a word about progress costs nothing beside the progress


class Scan(Protocol):
    def __call__(self, descriptor: int, name: str, declared_type: str) -> Findings:
        """Look at a file before anything reads it. Raises UnreadableFile, ScannerUnavailable."""
        ...


class Read(Protocol):
    def __call__(self, descriptor: int, name: str, on_pages: Callable[[int], None]) -> Iterator[Frame]:
        """A file's text in blocks, then its summary; tells of pages as they are read. Raises UnreadableFile."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestionComponents:
    """The parts of ingestion, picked by the assembly."""

    scan: Scan
    read: Read
    split: Callable[[Iterable[ParsedBlock], str], Iterator[PieceOfText]]
    guardrail: DocumentGuardrail
    index: ChunkIndex
    # Whose vectors are written now: the index's own first, then that of an index built beside it. Raises
    # EncoderMismatch.
    encoders: Callable[[], Sequence[Encoder]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the ingestion of one document ended; RECEIVED when it will be tried again."""

    status: Document.Status
    reason: str = ""
    chunks: int = 0


class Quarantined(RetrievalError):
    """The document is kept away from every search until a reviewer has looked at it."""

    code = "quarantined"


def ingest(tenant_id: UUID, document_id: UUID, components: IngestionComponents) -> Ended | None:
    """Take one waiting document into the index, or say why not.

    None: another worker has it, it is gone or replaced, or its tenant is suspended; then it waits. A file
    that cannot be read ends as FAILED with its reason; what may pass is tried again later, an unexpected
    error, too, and that one rises for the worker's log.
    """
    lease = leases.take(tenant_id, document_id)
    if lease is None:
        return None
    try:
        ended = take_in(lease, components)
    except LeaseLost:
        log.info("ingestion.lost", tenant_id=str(tenant_id), document_id=str(document_id))
        return None
    except Suspended:
        leases.put_back(lease)
        return None
    except RetrievalError as error:
        ended = stopped(lease, error, components.index)
    except Exception as error:
        leases.postpone(
            lease, f"Something unexpected went wrong ({type(error).__name__}); the operator's log has it."
        )
        raise
    log.info(
        "document.ingested",
        tenant_id=str(tenant_id),
        document_id=str(document_id),
        status=ended.status.value,
        chunks=ended.chunks,
    )
    return ended


def stopped(lease: Lease, error: RetrievalError, index: ChunkIndex) -> Ended:
    """Say why it went no further; nothing that was written for this version stays in any index."""
    reason = str(error)
    try:
        if not error.permanent:
            return Ended(status=Document.Status(leases.postpone(lease, reason).value), reason=reason)
        state = State.QUARANTINED if isinstance(error, Quarantined) else State.FAILED
        with managing(lease.tenant_id):
            begin_anew(lease, index)
            if state == State.QUARANTINED:
                # The version before it may be what it was made to look like.
                Document.objects.filter(pk=lease.document_id).update(searchable=False)
            leases.settle(lease, state, reason)
    except LeaseLost:
        return Ended(status=Document.Status.FAILED, reason=reason)
    tidy(lease.tenant_id, lease.document_id, index)
    return Ended(status=Document.Status(state.value), reason=reason)


def take_in(lease: Lease, components: IngestionComponents) -> Ended:
    components.encoders()  # refuses before anything is read
    with managing(lease.tenant_id):
        work = Ingestion.objects.select_related("version__document").get(pk=lease.version_id)
    version = work.version
    if work.pieces_name and work.chunks_total:
        pieces = Pieces(tenant_id=lease.tenant_id, total=work.chunks_total, name=work.pieces_name)
        done = work.chunks_done
        leases.move(lease, State.EMBEDDING, chunks_before=done, embedding_at=Now())
    else:
        begin_anew(lease, components.index)
        parsed = parsed_of(lease, work, components)
        pieces, done = split(lease, version, parsed, components), 0
    return embed(lease, version, pieces, done, components)


def parsed_of(lease: Lease, work: Ingestion, components: IngestionComponents) -> Parsed:
    """Scan and parse the file, unless an earlier worker has done so."""
    version = work.version
    if work.parsed_name:
        leases.move(lease, State.SPLITTING)
        return parsed_before(lease.tenant_id, work.parsed_name)
    name = version.document.source_name
    with vault.plain_descriptor(lease.tenant_id, version.stored_name) as descriptor:
        findings = components.scan(descriptor, name, version.declared_type)
        if findings.blocked:
            raise Quarantined(findings.reason)
        os.lseek(descriptor, 0, os.SEEK_SET)
        leases.move(lease, State.PARSING)
        progress = Renewal(lease)
        parsed = keep_parsed(
            lease.tenant_id, progress.through(components.read(descriptor, name, progress.pages))
        )
    summary = parsed.summary
    with managing(lease.tenant_id):
        leases.move(lease, State.SPLITTING, parsed_name=parsed.name)
        DocumentVersion.objects.filter(pk=version.pk).update(
            media_type=summary.media_type,
            title=summary.title.strip()[:300],
            pages=summary.pages,
            language=summary.language,
            text_chars=summary.text_chars,
        )
    return parsed


class Renewal:
    """Keeps the lease while a file is read on, a few seconds apart at least; silence renews nothing."""

    def __init__(self, lease: Lease) -> None:
        self._lease, self._pages, self._said_at = lease, 0, time.monotonic()

    def pages(self, read: int) -> None:
        """So many pages have been read."""
        self._pages = read
        self._say()

    def through(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames as they come, each of them progress."""
        for frame in frames:
            self._say()
            yield frame

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._said_at >= RENEWED_EVERY:
            leases.renew(self._lease, pages_done=self._pages)
            self._said_at = now


def split(lease: Lease, version: DocumentVersion, parsed: Parsed, components: IngestionComponents) -> Pieces:
    """Cut the text into pieces and judge them, before any of it is embedded. Raises Quarantined."""
    found = judged(
        components.split(parsed.blocks(), parsed.summary.title), lease, parsed, components.guardrail
    )
    pieces = keep_pieces(lease.tenant_id, found, in_memory=not parsed.name)
    if not pieces.total:
        raise UnreadableFile(f"'{version.document.source_name}' holds no text.")
    leases.move(
        lease,
        State.EMBEDDING,
        pieces_name=pieces.name,
        chunks_total=pieces.total,
        chunks_done=0,
        chunks_before=0,
        embedding_at=Now(),
    )
    return pieces


def judged(
    pieces: Iterator[PieceOfText], lease: Lease, parsed: Parsed, guardrail: DocumentGuardrail
) -> Iterator[PieceOfText]:
    """Pass on pieces that hold text, some at a time, once they were judged."""
    spoken = (piece for piece in pieces if piece.text.strip())
    hidden: Sequence[str] = (parsed.summary.title, *parsed.summary.hidden)
    while some := list(islice(spoken, JUDGED_AT_ONCE)):
        verdict = guardrail.inspect_document(lease.tenant_id, [piece.text for piece in some], hidden)
        refuse(verdict)
        if hidden == ():
            leases.renew(lease)
        hidden = ()
        yield from some


def refuse(verdict: Verdict) -> None:
    if verdict.blocked:
        raise Quarantined(verdict.rule)


def embed(
    lease: Lease, version: DocumentVersion, pieces: Pieces, done: int, components: IngestionComponents
) -> Ended:
    """Embed what is left, batch by batch; the last batch makes the version the one that is read."""
    left = pieces.after(done)
    while some := list(islice(left, PIECES_AT_ONCE)):
        try:
            write(lease, version, pieces, some, done, components)
        except SpaceMoved:
            write(lease, version, pieces, some, done, components)
        done += len(some)
    if version.number > 1 or pieces.name:
        tidy(lease.tenant_id, lease.document_id, components.index)
    return Ended(status=Document.Status.INDEXED, chunks=done)


def write(
    lease: Lease,
    version: DocumentVersion,
    pieces: Pieces,
    some: Sequence[PieceOfText],
    done: int,
    components: IngestionComponents,
) -> None:
    """Embed a batch and write it after the `done` before it. Raises SpaceMoved, and then it is not written."""
    vectors = embedded([piece.embedding_text for piece in some], components.encoders())
    # Without a checkpoint the next worker begins anew: that is no progress to be forgiven for.
    with leases.holding(lease, progress=bool(pieces.name)) as ingestion:
        components.index.add(lease.tenant_id, version.pk, numbered(some, done), vectors)
        ingestion.chunks_done = done + len(some)
        if ingestion.chunks_done == pieces.total:
            publish(ingestion, version)


def embedded(texts: Sequence[str], encoders: Sequence[Encoder]) -> Mapping[Space, NDArray[np.float32]]:
    """The texts' vectors by each encoder; of an index that is only being built they may be missing."""
    own, *others = encoders
    vectors = dict([vectors_of(texts, own)])
    for other in others:
        try:
            vectors |= [vectors_of(texts, other)]
        except EncoderUnavailable as error:
            # The re-embedding fills the gap; documents do not wait for it.
            log.warning("reembedding.missed", chunks=len(texts), error=type(error).__name__)
    return vectors


def vectors_of(texts: Sequence[str], encoder: Encoder) -> tuple[Space, NDArray[np.float32]]:
    space = Space(name=encoder.name, dimensions=encoder.dimensions)
    return space, np.stack([encoding.vector for encoding in encoder.encode(texts)])


def numbered(pieces: Sequence[PieceOfText], first: int) -> list[NewChunk]:
    return [
        NewChunk(
            ordinal=first + place,
            text=piece.text,
            heading=piece.heading_path,
            page=piece.page,
            start_char=piece.start_char,
            end_char=piece.end_char,
            section=piece.section,
            regions=tuple(as_numbers(region) for region in piece.regions),
            context=piece.embedding_text.removesuffix(piece.text),
        )
        for place, piece in enumerate(pieces)
    ]


def as_numbers(region: Region) -> tuple[float, ...]:
    edges = (region.left, region.top, region.right, region.bottom)
    return (region.page, region.start_char, region.end_char, *(round(edge, 4) for edge in edges))
