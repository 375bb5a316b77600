"""Many files in this process, one after the other or several at once: for the command line."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import BinaryIO
from uuid import UUID

from django.core.files.base import File

from accounts.database import database_unit, managing
from accounts.scope import Sensitivity
from retrieval.errors import RetrievalError
from retrieval.ingestion.pipeline import IngestionComponents, ingest
from retrieval.ingestion.receive import Upload, check_and_digest, receive
from retrieval.models import Collection, Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one file.

    `outcome`: indexed, quarantined, failed, received (it will be tried again), unchanged or elsewhere.
    """

    path: Path
    outcome: str
    reason: str = ""
    chunks: int = 0
    seconds: float = 0.0  # from opening the file to its end
    document: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How files are taken in. `grant` sets a document's readers before it can be found for the first time."""

    collection: Collection
    components: IngestionComponents
    bytes_max: int
    title: str = ""
    sensitivity: Sensitivity | None = None
    created_by_id: int | None = None
    grant: Callable[[Document], None] | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file to take in. `name`: its path within the folder that was named, since two may be called the same."""

    path: Path
    name: str


def find_files(paths: Iterable[Path]) -> list[Candidate]:
    """The files named and those in the folders named, sorted; hidden ones and links are left out."""
    found: dict[Path, Candidate] = {}
    for path in paths:
        for inside in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if inside.is_file() and not inside.is_symlink() and not inside.name.startswith("."):
                name = inside.relative_to(path) if path.is_dir() else Path(inside.name)
                found.setdefault(inside, Candidate(path=inside, name=name.as_posix()))
    return list(found.values())


def foresee(files: Iterable[Candidate], batch: Batch) -> Iterator[Taken]:
    """What `take_files` would begin with, without doing it: new, changed, unchanged or failed."""
    for candidate in files:
        try:
            with candidate.path.open("rb") as content:
                upload = upload_of(candidate, content, batch)
                digest = check_and_digest(upload, batch.bytes_max)
        except (RetrievalError, OSError) as error:
            yield Taken(path=candidate.path, outcome="failed", reason=str(error))
            continue
        with managing(batch.collection.tenant_id):
            here = Document.objects.filter(
                tenant_id=batch.collection.tenant_id,
                collection=batch.collection,
                source_name=upload.source_name,
            ).first()
        outcome = "new" if here is None else "unchanged" if here.content_sha256 == digest else "changed"
        yield Taken(path=candidate.path, outcome=outcome, document=here)


def take_files(files: Iterable[Candidate], batch: Batch, *, jobs: int = 1) -> Iterator[Taken]:
    """Take files in and say of each what became of it; one that fails stops none of the others.

    jobs: files at once, each in a thread of its own; with one, all is done in the caller's thread.
    """
    if jobs == 1:
        for candidate in files:
            yield timed(candidate, batch)
        return
    waiting = iter(files)
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="ingest") as threads:
        job = database_unit(timed)
        # No more than are worked on: a million files are not a million futures.
        running: set[Future[Taken]] = {threads.submit(job, each, batch) for each in islice(waiting, jobs)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {threads.submit(job, each, batch) for each in islice(waiting, len(done))}
            for taken in done:
                yield taken.result()


def upload_of(candidate: Candidate, content: BinaryIO, batch: Batch) -> Upload:
    return Upload(
        name=candidate.name,
        keeps_folders=True,
        content=File(content, name=candidate.path.name),
        title=batch.title,
        sensitivity=batch.sensitivity,
        created_by_id=batch.created_by_id,
        batch=batch.id,
    )


def timed(candidate: Candidate, batch: Batch) -> Taken:
    begun = monotonic()
    taken = take_file(candidate, batch)
    return replace(taken, seconds=monotonic() - begun)


def take_file(candidate: Candidate, batch: Batch) -> Taken:
    path = candidate.path
    try:
        with path.open("rb") as content:
            received = receive(
                batch.collection, upload_of(candidate, content, batch), _to_nobody, batch.bytes_max
            )
    except (RetrievalError, OSError) as error:
        return Taken(path=path, outcome="failed", reason=str(error))
    document = received.document
    if received.unchanged and document.status != Document.Status.RECEIVED:
        return Taken(path=path, outcome="unchanged", document=document)
    if batch.grant is not None:
        batch.grant(document)
    return ended(path, batch, document)


def ended(path: Path, batch: Batch, document: Document) -> Taken:
    try:
        outcome = ingest(batch.collection.tenant_id, document.pk, batch.components)
    # Any other error is one file's: the next ones are still to come. It was logged where it happened.
    except Exception as error:
        return Taken(
            path=path, outcome="failed", reason=f"Unexpected: {type(error).__name__}.", document=document
        )
    if outcome is None:
        return Taken(path=path, outcome="elsewhere", reason="A worker has it already.", document=document)
    return Taken(
        path=path,
        outcome=outcome.status.value,
        reason=outcome.reason,
        chunks=outcome.chunks,
        document=document,
    )


def _to_nobody(tenant_id: object, document_id: object) -> None:
    """The file is taken in right here; no worker is told."""
