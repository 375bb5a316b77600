"""Taking a file in: kept under a random name, known by its digest, put in line for the worker."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.errors import UnreadableFile
from retrieval.models import Collection, Document

BLOCK_BYTES = 1024 * 1024

Dispatch = Callable[[UUID, UUID], None]  # (tenant id, document id): hand over to the worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of an upload. `unchanged`: the same bytes are in the index already."""

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


def receive(collection: Collection, upload: Upload, dispatch: Dispatch, bytes_max: int) -> Received:
    """Keep an upload and put it in line; the same file again is skipped, a changed one is taken anew.

    dispatch: called after commit, so that the worker finds what it is sent for.
    Raises UnreadableFile when the file is empty or too large; nothing is kept then.
    """
    digest = check_and_digest(upload, bytes_max)
    name = safe_name(upload.name)
    with managing(collection.tenant_id):
        document = (
            Document.objects.select_for_update()
            .filter(tenant_id=collection.tenant_id, collection=collection, source_name=name)
            .first()
        )
        if document and document.content_sha256 == digest and document.status != Document.Status.FAILED:
            return Received(document=document, unchanged=True)
        document = keep(document, collection, name, digest, upload)
        identity = (document.tenant_id, document.pk)
        transaction.on_commit(lambda: dispatch(*identity))
    return Received(document=document, unchanged=False)


def keep(
    document: Document | None, collection: Collection, name: str, digest: str, upload: Upload
) -> Document:
    """Write the file and the document's row; an older version's file goes once this one is safe."""
    older = document.file.name if document and document.file else ""
    document = document or Document(tenant_id=collection.tenant_id, collection=collection, source_name=name)
    document.title = upload.title or document.title or title_from_name(name)
    document.size_bytes = upload.content.size
    document.content_sha256 = digest
    document.created_by_id = upload.created_by_id or document.created_by_id
    document.status, document.status_reason = Document.Status.RECEIVED, ""
    document.status_at = timezone.now()
    if upload.sensitivity is not None:
        document.sensitivity = upload.sensitivity
    upload.content.seek(0)
    document.file.save(name, upload.content, save=False)
    document.save()
    if older:
        transaction.on_commit(lambda: default_storage.delete(older))
    return document


def check_and_digest(upload: Upload, bytes_max: int) -> str:
    """SHA-256 of the content in hex. Raises UnreadableFile."""
    size = upload.content.size
    if size == 0:
        raise UnreadableFile(f"'{safe_name(upload.name)}' is empty.")
    if size > bytes_max:
        raise UnreadableFile(
            f"'{safe_name(upload.name)}' has {size / 1e6:.1f} MB; at most {bytes_max / 1e6:.0f} MB are taken. "
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
