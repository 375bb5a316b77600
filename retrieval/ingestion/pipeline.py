"""One document from file to index. Every step leaves a status that a person can read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import numpy as np
import structlog
from django.utils import timezone

from accounts.database import managing
from accounts.models import Tenant
from retrieval.errors import RetrievalError, UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.receive import title_from_name
from retrieval.ingestion.splitter import PieceOfText
from retrieval.interfaces import ChunkIndex, DocumentGuardrail, Encoder
from retrieval.models import Document
from retrieval.values.chunks import NewChunk
from retrieval.values.verdicts import Verdict

log = structlog.get_logger()

Status = Document.Status


class Parse(Protocol):
    def __call__(self, path: Path, name: str, limits: ParseLimits) -> ParsedDocument: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestionComponents:
    """The parts of ingestion, picked by the assembly."""

    parse: Parse
    split: Callable[[ParsedDocument], Sequence[PieceOfText]]
    guardrail: DocumentGuardrail
    encoder: Encoder
    index: ChunkIndex
    check_space: Callable[[], None]  # raises EncoderMismatch
    limits: ParseLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the ingestion of one document ended."""

    status: Document.Status
    reason: str = ""
    chunks: int = 0


def ingest(tenant_id: UUID, document_id: UUID, components: IngestionComponents) -> Ended | None:
    """Take one received document into the index, or say why not.

    None: another worker has it, it is gone, or its tenant is suspended; then it waits. A file that cannot
    be read ends as FAILED with its reason; an unexpected error does too, and rises after that for the
    worker's log.
    """
    document = claim(tenant_id, document_id)
    if document is None:
        return None
    try:
        ended = take_in(document, components)
    except Suspended:
        put_back(document)
        return None
    except RetrievalError as error:
        ended = fail(document, str(error))
    except Exception as error:
        fail(
            document, f"Something unexpected went wrong ({type(error).__name__}); the operator's log has it."
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


def take_in(document: Document, components: IngestionComponents) -> Ended:
    components.check_space()
    parsed = components.parse(Path(document.file.path), document.source_name, components.limits)
    move(document, Status.SPLITTING)
    pieces = list(components.split(parsed))
    if not any(piece.text.strip() for piece in pieces):
        raise UnreadableFile(f"'{document.source_name}' holds no text.")
    verdict = components.guardrail.inspect_document(
        document.tenant_id, [parsed.title, *(piece.text for piece in pieces)], parsed.hidden
    )
    if verdict.blocked:
        return quarantine(document, verdict, components.index)
    move(document, Status.EMBEDDING)
    encodings = components.encoder.encode([piece.embedding_text for piece in pieces])
    vectors = np.stack([encoding.vector for encoding in encodings])
    return publish(document, parsed, pieces, vectors, components.index)


def claim(tenant_id: UUID, document_id: UUID) -> Document | None:
    """Make a received document ours; of two workers, one gets it, and of a suspended tenant's none."""
    with managing(tenant_id):
        waiting = Document.objects.filter(pk=document_id, tenant_id=tenant_id, status=Status.RECEIVED)
        mine = waiting.filter(tenant__state=Tenant.State.ACTIVE).update(
            status=Status.PARSING, status_at=timezone.now()
        )
        return Document.objects.get(pk=document_id) if mine else None


def move(document: Document, status: Document.Status, reason: str = "", **fields: object) -> None:
    """Say where a document is. A file uploaded meanwhile has put it back in line; then nothing is said."""
    with managing(document.tenant_id):
        if not Tenant.objects.filter(pk=document.tenant_id, state=Tenant.State.ACTIVE).exists():
            raise Suspended("The organisation is suspended.")
        moved = Document.objects.filter(pk=document.pk, content_sha256=document.content_sha256).exclude(
            status=Status.RECEIVED
        )
        if not moved.update(status=status, status_reason=reason[:500], status_at=timezone.now(), **fields):
            raise Superseded(f"'{document.source_name}' was replaced while it was read.")


class Superseded(RetrievalError):
    """A newer upload, or a deletion, made this work pointless."""

    code = "superseded"


class Suspended(RetrievalError):
    """The tenant was suspended meanwhile."""

    code = "suspended"


def put_back(document: Document) -> None:
    """Have a document wait from the beginning, until its tenant goes on."""
    with managing(document.tenant_id):
        Document.objects.filter(pk=document.pk).exclude(status=Status.RECEIVED).update(
            status=Status.RECEIVED, status_at=timezone.now()
        )


def fail(document: Document, reason: str) -> Ended:
    with managing(document.tenant_id):
        Document.objects.filter(pk=document.pk, content_sha256=document.content_sha256).exclude(
            status=Status.RECEIVED
        ).update(status=Status.FAILED, status_reason=reason[:500], status_at=timezone.now())
    return Ended(status=Status.FAILED, reason=reason)


def quarantine(document: Document, verdict: Verdict, index: ChunkIndex) -> Ended:
    """Keep a suspicious document away from every search until a reviewer has looked at it."""
    with managing(document.tenant_id):
        move(document, Status.QUARANTINED, verdict.rule, searchable=False, chunk_count=0)
        index.remove(document.tenant_id, document.pk)
    return Ended(status=Status.QUARANTINED, reason=verdict.rule)


def publish(
    document: Document,
    parsed: ParsedDocument,
    pieces: Sequence[PieceOfText],
    vectors: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
    index: ChunkIndex,
) -> Ended:
    """Put the new version in the place of the old one, in one transaction."""
    chunks = [
        NewChunk(
            ordinal=piece.ordinal,
            text=piece.text,
            heading=piece.heading_path,
            page=piece.page,
            start_char=piece.start_char,
            end_char=piece.end_char,
        )
        for piece in pieces
    ]
    derived = title_from_name(document.source_name)
    title = (
        parsed.title.strip()[:300] if document.title == derived and parsed.title.strip() else document.title
    )
    with managing(document.tenant_id):
        move(
            document,
            Status.INDEXED,
            searchable=True,
            chunk_count=len(chunks),
            content_version=document.content_version + 1,
            media_type=parsed.media_type,
            title=title,
            indexed_at=timezone.now(),
        )
        index.replace(document.tenant_id, document.pk, chunks, vectors)
    return Ended(status=Status.INDEXED, chunks=len(chunks))
