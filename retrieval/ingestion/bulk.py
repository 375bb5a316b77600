"""Many files, one after the other, in this process: for the command line and the demonstration."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from django.core.files.base import File

from accounts.scope import Sensitivity
from retrieval.errors import RetrievalError
from retrieval.ingestion.pipeline import IngestionComponents, ingest
from retrieval.ingestion.receive import Upload, receive
from retrieval.ingestion.sandbox import ParserPool
from retrieval.models import Collection, Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one file. `outcome`: indexed, quarantined, failed, unchanged or elsewhere."""

    path: Path
    outcome: str
    reason: str = ""
    chunks: int = 0
    document: Document | None = None


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files named and those in the folders named, sorted; hidden ones and links are left out."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [p for p in inside if p.is_file() and not p.is_symlink() and not p.name.startswith(".")]
    return list(dict.fromkeys(found))


@contextmanager
def reading_in_one_child(components: IngestionComponents) -> Iterator[IngestionComponents]:
    """The same components with one parser process for all files, which saves a start for each."""
    with ParserPool(components.limits) as pool:
        yield replace(components, parse=lambda path, name, limits: pool.parse(path, name))


def take_files(
    collection: Collection,
    files: Iterable[Path],
    components: IngestionComponents,
    *,
    title: str = "",
    sensitivity: Sensitivity | None = None,
    created_by_id: int | None = None,
    grant: Callable[[Document], None] | None = None,
) -> Iterator[Taken]:
    """Take files in and say of each what became of it; one that fails stops none of the others.

    grant: sets the readers of a document before it can be found for the first time.
    """
    for path in files:
        try:
            with path.open("rb") as content:
                upload = Upload(
                    name=path.name,
                    content=File(content, name=path.name),
                    title=title,
                    sensitivity=sensitivity,
                    created_by_id=created_by_id,
                )
                received = receive(collection, upload, _to_nobody, components.limits.file_bytes_max)
        except (RetrievalError, OSError) as error:
            yield Taken(path=path, outcome="failed", reason=str(error))
            continue
        if received.unchanged:
            yield Taken(path=path, outcome="unchanged", document=received.document)
            continue
        if grant is not None:
            grant(received.document)
        ended = ingest(collection.tenant_id, received.document.pk, components)
        if ended is None:
            yield Taken(path=path, outcome="elsewhere", reason="A worker has it already.")
        else:
            yield Taken(
                path=path,
                outcome=ended.status.value,
                reason=ended.reason,
                chunks=ended.chunks,
                document=received.document,
            )


def _to_nobody(tenant_id: object, document_id: object) -> None:
    """The file is taken in right here; no worker is told."""
