"""How far ingestion is, per document and per batch, in figures that hold: what is not known is not said.

Every time here is the database's. A rate is measured from when embedding was last begun, so that neither
an interruption nor what an earlier worker did counts for or against it.
"""

from collections.abc import Collection as SomeOf
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from accounts.database import managing
from retrieval.ingestion import wording
from retrieval.models import Document, Ingestion

State = Ingestion.State

RESTING = frozenset({State.INDEXED, State.QUARANTINED, State.FAILED, State.SUPERSEDED})
# From fewer files nobody can say how long the others will take.
FILES_MEASURED_MIN = 3

BATCHES = """
with rows as (
    select i.batch, i.state, i.started_at, i.progressed_at, i.ended_at, i.chunks_done,
           i.lease_until > statement_timestamp() as held,
           case when i.state = 'indexed' then v.chunk_count else i.chunks_total end as total
      from retrieval_ingestion i join retrieval_documentversion v on v.id = i.version_id
     where i.tenant_id = %(tenant)s and i.batch = any(%(batches)s)
       and (%(documents)s::uuid[] is null or i.document_id = any(%(documents)s::uuid[]))),
busy as (
    select batch, sum(extract(epoch from upper(span) - lower(span)))::float8 as seconds
      from (select batch, unnest(range_agg(tstzrange(started_at, progressed_at))) as span
              from rows where started_at < progressed_at group by batch) spans
     group by batch)
select r.batch, count(*), count(*) filter (where r.state = 'indexed'),
       count(*) filter (where r.state in ('failed', 'quarantined')),
       count(*) filter (where r.state = 'superseded'),
       count(*) filter (where r.held),
       coalesce(sum(r.chunks_done) filter (where r.state <> 'superseded'), 0),
       sum(r.total) filter (where r.state not in ('failed', 'quarantined', 'superseded')),
       bool_and(r.total is not null) filter (where r.state not in ('failed', 'quarantined', 'superseded')),
       b.seconds, min(r.started_at), max(r.ended_at)
  from rows r left join busy b on b.batch = r.batch
 group by r.batch, b.seconds
"""
UNFINISHED = """
select batch from retrieval_ingestion
 where tenant_id = %(tenant)s and batch is not null and (state = 'received' or lease_until is not null)
 group by batch order by max(coalesce(started_at, next_try_at)) desc limit %(most)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a document's newest version is. None stands for a figure that nobody knows (yet)."""

    state: Ingestion.State
    reason: str
    version: int
    batch: UUID | None
    moving: bool  # a worker has it now
    pages_done: int  # while the file is read; 0 where it has no pages
    chunks_done: int
    chunks_total: int | None
    rate: float | None  # chunks a second
    attempts: int  # since it last came further
    next_try_at: datetime | None  # where it waits for that
    next_try_seconds: float | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def resting(self) -> bool:
        """Nobody will work on it unless somebody asks for it."""
        return self.state in RESTING

    @property
    def fraction(self) -> float | None:
        """0 to 1; 1 only where the version is whole."""
        if self.state is State.INDEXED:
            return 1.0
        if not self.chunks_total:
            return None
        return min(self.chunks_done, self.chunks_total - 1) / self.chunks_total

    @property
    def seconds_left(self) -> float | None:
        if self.rate is None or self.chunks_total is None:
            return None
        return max(self.chunks_total - self.chunks_done, 0) / self.rate

    @property
    def words(self) -> str:
        """What there is to say besides the state, for people; "" where there is nothing."""
        if self.state is State.PARSING:
            return f"{wording.number(self.pages_done, 'page')} read" if self.pages_done else ""
        if self.state is State.RECEIVED and self.next_try_seconds is not None:
            return f"next try in {wording.duration(self.next_try_seconds)}"
        if self.resting or self.chunks_total is None:
            return ""
        counted = f"{self.chunks_done:,} of {wording.number(self.chunks_total, 'passage')}"
        return wording.joined(counted, wording.rate(self.rate), wording.left(self.seconds_left))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far the files are that were sent together. None stands for a figure that nobody knows (yet)."""

    id: UUID
    files: int
    done: int
    failed: int  # or quarantined
    replaced: int  # a newer file came before they were whole
    moving: int  # workers have them now
    chunks_done: int
    chunks_total: int | None
    busy_seconds: float  # in which anything of it was worked on
    started_at: datetime | None
    ended_at: datetime | None  # of the last one; None while any is still on its way

    @property
    def open(self) -> int:
        return self.files - self.done - self.failed - self.replaced

    @property
    def resting(self) -> bool:
        return self.open == 0

    @property
    def fraction(self) -> float:
        """Of the files, 0 to 1; 1 only where none is on its way any more."""
        return 1 - self.open / self.files if self.files else 1.0

    @property
    def rate(self) -> float | None:
        """Chunks a second from file to index, over the time in which it was worked on."""
        if self.busy_seconds <= 0 or self.chunks_done <= 0:
            return None
        return self.chunks_done / self.busy_seconds

    @property
    def seconds_left(self) -> float | None:
        """By the chunks where all are counted, else by the files; nothing while nobody works on it."""
        if not self.moving or self.resting or self.rate is None:
            return None
        if self.chunks_total is not None:
            return max(self.chunks_total - self.chunks_done, 0) / self.rate
        ended = self.done + self.failed
        return self.open * self.busy_seconds / ended if ended >= FILES_MEASURED_MIN else None

    @property
    def words(self) -> str:
        return wording.joined(
            f"{self.done:,} of {wording.number(self.files, 'file')} ready",
            f"{self.failed:,} failed" if self.failed else "",
            f"{self.replaced:,} replaced" if self.replaced else "",
            wording.number(self.chunks_done, "passage") if self.chunks_done else "",
            "" if self.resting else wording.rate(self.rate),
            wording.left(self.seconds_left),
        )


def progress_among(tenant_id: UUID, document_ids: SomeOf[UUID]) -> dict[UUID, Progress]:
    """The progress of those of the tenant's documents, in one query. Whoever calls has checked who asks."""
    newest = (
        Ingestion.objects.filter(tenant_id=tenant_id, document_id__in=document_ids)
        .select_related("version")
        .annotate(
            now=Now(),
            erasing=Case(When(document__status=Document.Status.ERASING, then=True), default=Value(False)),
        )
        .order_by("document_id", "-version__number")
        .distinct("document_id")
    )
    with managing(tenant_id):
        return {work.document_id: measured(work, now=work.now, erasing=work.erasing) for work in newest}


def progress_of(document: Document) -> Progress | None:
    """None for a document without any version, which there is only while it is erased."""
    return progress_among(document.tenant_id, [document.pk]).get(document.pk)


def measured(work: Ingestion, *, now: datetime, erasing: bool = False) -> Progress:
    """What the row says at the moment `now`, without the figures that would mislead."""
    state = State.ERASING if erasing else State(work.state)
    moving = state in Ingestion.MOVING and work.lease_until is not None and work.lease_until > now
    done, total = counted(work, state)
    waits = state is State.RECEIVED and work.next_try_at > now
    return Progress(
        state=state,
        reason=work.reason,
        version=work.version.number,
        batch=work.batch,
        moving=moving,
        pages_done=work.pages_done,
        chunks_done=done,
        chunks_total=total,
        rate=rate_of(work) if moving and state is State.EMBEDDING else None,
        attempts=work.attempts,
        next_try_at=work.next_try_at if waits else None,
        next_try_seconds=(work.next_try_at - now).total_seconds() if waits else None,
        started_at=work.started_at,
        ended_at=work.ended_at,
    )


def counted(work: Ingestion, state: Ingestion.State) -> tuple[int, int | None]:
    """Chunks done, and of how many. What an earlier attempt counted holds only with its checkpoint."""
    if state is State.INDEXED:
        return work.version.chunk_count, work.version.chunk_count
    if work.chunks_total is None or not (state is State.EMBEDDING or work.pieces_name):
        return 0, None
    return min(work.chunks_done, work.chunks_total), work.chunks_total


def rate_of(work: Ingestion) -> float | None:
    if work.embedding_at is None or work.progressed_at is None:
        return None
    seconds = (work.progressed_at - work.embedding_at).total_seconds()
    chunks = work.chunks_done - work.chunks_before
    return chunks / seconds if seconds > 0 and chunks > 0 else None


def batches_among(
    tenant_id: UUID, batches: SomeOf[UUID], documents: SomeOf[UUID] | None = None
) -> dict[UUID, BatchProgress]:
    """The progress of those of the tenant's batches, in one query; of these documents only, where named."""
    asked: dict[str, Any] = {
        "tenant": tenant_id,
        "batches": list(batches),
        "documents": None if documents is None else list(documents),
    }
    with managing(tenant_id), connection.cursor() as cursor:
        rows = cursor.execute(BATCHES, asked).fetchall()
    return {row[0]: summed_up(row) for row in rows}


def unfinished_batches(tenant_id: UUID, most: int) -> list[BatchProgress]:
    """The batches of several files that are on their way, the newest first."""
    with managing(tenant_id), connection.cursor() as cursor:
        found = [batch for (batch,) in cursor.execute(UNFINISHED, {"tenant": tenant_id, "most": most})]
    known = batches_among(tenant_id, found)
    return [known[batch] for batch in found if batch in known and known[batch].files > 1]


def summed_up(row: tuple[Any, ...]) -> BatchProgress:
    (batch, files, done, failed, replaced, moving, chunks, total, all_known, busy, started, ended) = row
    return BatchProgress(
        id=batch,
        files=files,
        done=done,
        failed=failed,
        replaced=replaced,
        moving=moving,
        chunks_done=int(chunks),
        chunks_total=int(total) if all_known and total is not None else None,
        busy_seconds=float(busy or 0),
        started_at=started,
        ended_at=ended if files == done + failed + replaced else None,
    )
