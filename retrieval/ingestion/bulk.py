"""Many files in this process, one after the other or several at once: for the command line."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.core.files.base import File

from accounts.database import database_unit
from accounts.scope import Sensitivity
from retrieval.errors import RetrievalError
from retrieval.ingestion.pipeline import IngestionComponents, ingest
from retrieval.ingestion.receive import Upload, receive
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
    # What a file is called in the collection; several folders may hold files of one name.
    name_of: Callable[[Path], str] = lambda path: path.name


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files named and those in the folders named, sorted; hidden ones and links are left out."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [p for p in inside if p.is_file() and not p.is_symlink() and not p.name.startswith(".")]
    return list(dict.fromkeys(found))


def take_files(files: Iterable[Path], batch: Batch, *, jobs: int = 1) -> Iterator[Taken]:
    """Take files in and say of each what became of it; one that fails stops none of the others.

    jobs: files at once, each in a thread of its own; with one, all is done in the caller's thread.
    """
    if jobs == 1:
        for path in files:
            yield take_file(path, batch)
        return
    waiting = iter(files)
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="ingest") as threads:
        job = database_unit(take_file)
        # No more than are worked on: a million files are not a million futures.
        running: set[Future[Taken]] = {threads.submit(job, path, batch) for path in islice(waiting, jobs)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {threads.submit(job, path, batch) for path in islice(waiting, len(done))}
            for taken in done:
                yield taken.result()


def take_file(path: Path, batch: Batch) -> Taken:
    try:
        with path.open("rb") as content:
            upload = Upload(
                name=batch.name_of(path),
                content=File(content, name=path.name),
                title=batch.title,
                sensitivity=batch.sensitivity,
                created_by_id=batch.created_by_id,
                batch=batch.id,
            )
            received = receive(batch.collection, upload, _to_nobody, batch.bytes_max)
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
