"""Taking a file in: kept in the vault, known by its digest, put in line for the worker."""

import hashlib
from collections.abc import Callable
from collections.abc import Collection as SomeOf
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.errors import UnreadableFile
from retrieval.ingestion import vault
from retrieval.models import Collection, Document, DocumentVersion, Ingestion

BLOCK_BYTES = 1024 * 1024

Dispatch = Callable[[UUID, UUID], None]  # (tenant id, document id): hand over to the worker

State = Ingestion.State
DEAD = (State.FAILED, State.QUARANTINED)  # stopped with a reason, until somebody asks for another try
RESTING = (State.INDEXED, *DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of an upload. `unchanged`: the same bytes are in the index already, or on their way."""

    document: Document
    unchanged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way in. `name` is what the person calls it and is never used as a path."""

    name: str
    content: "File[bytes]"
    title: str = ""
    sensitivity: Sensitivity | None = None
    created_by_id: int | None = None
    declared_type: str = ""  # as the sender said; it is compared, never believed
    batch: UUID | None = None  # files that were sent together
    keeps_folders: bool = False  # the name is a path within a folder or source, and may be shown as one

    @property
    def source_name(self) -> str:
        """What the document is called among its collection's; a label, never a path to anything."""
        return safe_path(self.name) if self.keeps_folders else safe_name(self.name)


def receive(collection: Collection, upload: Upload, dispatch: Dispatch, bytes_max: int) -> Received:
    """Keep an upload and put it in line; the same file again is skipped, a changed one is a new version.

    dispatch: called after commit, so that the worker finds what it is sent for.
    Raises UnreadableFile when the file is empty or too large; nothing is kept then.
    """
    digest = check_and_digest(upload, bytes_max)
    name = upload.source_name
    here = found_unchanged(collection, name, digest)
    if here is not None:
        return Received(document=here, unchanged=True)
    upload.content.seek(0)
    # Before the transaction: no row is locked while a large file is written.
    kept = vault.keep(collection.tenant_id, upload.content.chunks(BLOCK_BYTES))
    try:
        received = enter(collection, name, upload, kept, dispatch)
    except BaseException:
        vault.delete(kept.name)
        raise
    if received.unchanged:
        vault.delete(kept.name)
    return received


def found_unchanged(collection: Collection, name: str, digest: str) -> Document | None:
    """The document that has this content already, or is about to."""
    with managing(collection.tenant_id):
        document = Document.objects.filter(
            tenant_id=collection.tenant_id, collection=collection, source_name=name
        ).first()
        return document if document and is_unchanged(document, digest) else None


def is_unchanged(document: Document, digest: str) -> bool:
    return document.content_sha256 == digest and document.status not in (
        Document.Status.FAILED,
        Document.Status.ERASING,
    )


def enter(
    collection: Collection, name: str, upload: Upload, kept: vault.Kept, dispatch: Dispatch
) -> Received:
    """Write the rows of a kept file; of two senders of one new name, the second adds to the first's."""
    try:
        return enter_once(collection, name, upload, kept, dispatch)
    except IntegrityError:
        return enter_once(collection, name, upload, kept, dispatch)


def enter_once(
    collection: Collection, name: str, upload: Upload, kept: vault.Kept, dispatch: Dispatch
) -> Received:
    with managing(collection.tenant_id):
        document = (
            Document.objects.select_for_update()
            .filter(tenant_id=collection.tenant_id, collection=collection, source_name=name)
            .first()
        )
        if document and is_unchanged(document, kept.sha256):
            return Received(document=document, unchanged=True)
        if document and document.status == Document.Status.ERASING:
            raise UnreadableFile(f"'{name}' is being erased; send it again in a minute.")
        document = described(document, collection, name, upload, kept)
        version = DocumentVersion.objects.create(
            tenant_id=document.tenant_id,
            document=document,
            number=next_number(document),
            stored_name=kept.name,
            declared_type=upload.declared_type[:100],
            size_bytes=kept.size_bytes,
            content_sha256=kept.sha256,
            created_by_id=upload.created_by_id,
        )
        put_in_line(version, dispatch, batch=upload.batch)
    return Received(document=document, unchanged=False)


def described(
    document: Document | None, collection: Collection, name: str, upload: Upload, kept: vault.Kept
) -> Document:
    """The document's row with what its newest file brings."""
    document = document or Document(tenant_id=collection.tenant_id, collection=collection, source_name=name)
    document.title = upload.title or document.title or title_from_name(name)
    document.size_bytes, document.content_sha256 = kept.size_bytes, kept.sha256
    document.created_by_id = upload.created_by_id or document.created_by_id
    document.status, document.status_reason = Document.Status.RECEIVED, ""
    document.status_at = timezone.now()
    if upload.sensitivity is not None:
        document.sensitivity = upload.sensitivity
    document.save()
    return document


def next_number(document: Document) -> int:
    newest = DocumentVersion.objects.filter(document=document).order_by("-number").first()
    return newest.number + 1 if newest else 1


def put_in_line(version: DocumentVersion, dispatch: Dispatch, batch: UUID | None = None) -> None:
    """Have a version wait for a worker, in the place of older ones that are not whole yet."""
    unfinished = Ingestion.objects.filter(document_id=version.document_id).exclude(
        state__in=(State.INDEXED, State.SUPERSEDED)
    )
    unfinished.update(
        state=State.SUPERSEDED,
        lease_token=None,
        lease_until=None,
        reason="A newer file came.",
        ended_at=timezone.now(),
    )
    Ingestion.objects.create(
        version=version,
        tenant_id=version.tenant_id,
        document_id=version.document_id,
        queued_at=timezone.now(),
        batch=batch,
    )
    identity = (version.tenant_id, version.document_id)
    transaction.on_commit(lambda: dispatch(*identity))


def try_again(document: Document, dispatch: Dispatch, of: SomeOf[State] = RESTING) -> bool:
    """Have a document taken in again that rests; True when it now waits for a worker.

    What failed goes on from where it stopped; what is indexed is read anew, as a version of its own.
    of: the states out of which it is wanted.
    """
    with managing(document.tenant_id):
        Document.objects.select_for_update().get(pk=document.pk)
        newest = DocumentVersion.objects.filter(document=document).select_related("ingestion").first()
        if newest is None or newest.ingestion.state not in of:
            return False
        if newest.ingestion.state == State.INDEXED:
            put_in_line(read_anew(newest), dispatch)
        else:
            Ingestion.objects.filter(pk=newest.pk).update(
                state=State.RECEIVED,
                attempts=0,
                next_try_at=timezone.now(),
                queued_at=timezone.now(),
                started_at=None,
                ended_at=None,
                reason="",
            )
            identity = (document.tenant_id, document.pk)
            transaction.on_commit(lambda: dispatch(*identity))
        Document.objects.filter(pk=document.pk).update(
            status=Document.Status.RECEIVED, status_reason="", status_at=timezone.now()
        )
    return True


def read_anew(version: DocumentVersion) -> DocumentVersion:
    """A new version of the same file."""
    return DocumentVersion.objects.create(
        tenant_id=version.tenant_id,
        document_id=version.document_id,
        number=version.number + 1,
        stored_name=version.stored_name,
        sealed=version.sealed,
        declared_type=version.declared_type,
        size_bytes=version.size_bytes,
        content_sha256=version.content_sha256,
        created_by_id=version.created_by_id,
    )


def check_and_digest(upload: Upload, bytes_max: int) -> str:
    """SHA-256 of the content in hex. Raises UnreadableFile."""
    size = upload.content.size
    if size == 0:
        raise UnreadableFile(f"'{upload.source_name}' is empty.")
    if size > bytes_max:
        raise UnreadableFile(
            f"'{upload.source_name}' has {size / 1e6:.1f} MB; at most {bytes_max / 1e6:.0f} MB are taken. "
            "Split it or ask an administrator."
        )
    digest = hashlib.sha256()
    upload.content.seek(0)
    for block in upload.content.chunks(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def title_from_name(name: str) -> str:
    """What a document is called until its own title is known."""
    return Path(name).stem.replace("_", " ").replace("-", " ")


def safe_name(name: str) -> str:
    """The last part of a name without control characters, for people to read."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).strip()[:300] or "unnamed"


def safe_path(name: str) -> str:
    """A path within a folder for people to read: no control characters, no way up, at most 300 characters."""
    parts = [
        safe_name(part) for part in name.replace("\\", "/").split("/") if part.strip() not in ("", ".", "..")
    ]
    return "/".join(parts)[-300:].lstrip("/") or "unnamed"
