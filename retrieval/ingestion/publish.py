"""How a whole version takes the place of the one before, and what becomes of the older ones."""

from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from accounts.database import managing
from retrieval.ingestion import vault
from retrieval.ingestion.leases import Lease, holding
from retrieval.ingestion.receive import title_from_name
from retrieval.interfaces import ChunkIndex
from retrieval.models import Document, DocumentVersion, Ingestion

State = Ingestion.State


def publish(ingestion: Ingestion, version: DocumentVersion) -> None:
    """Have questions read this version from the commit on. Call inside `leases.holding`."""
    document = Document.objects.select_for_update().get(pk=version.document_id)
    version = DocumentVersion.objects.get(pk=version.pk)
    named = version.title if document.title == title_from_name(document.source_name) else ""
    Document.objects.filter(pk=document.pk).update(
        version_id=version.pk,
        content_version=version.number,
        searchable=True,
        chunk_count=ingestion.chunks_done,
        media_type=version.media_type,
        title=named or document.title,
        indexed_at=Now(),
    )
    DocumentVersion.objects.filter(pk=version.pk).update(chunk_count=ingestion.chunks_done, indexed_at=Now())
    ingestion.state, ingestion.ended_at, ingestion.reason = State.INDEXED, Now(), ""


def begin_anew(lease: Lease, index: ChunkIndex) -> None:
    """Take back what an earlier attempt wrote, where there is no checkpoint to go on from."""
    with managing(lease.tenant_id):
        if not Ingestion.objects.filter(pk=lease.version_id, chunks_done__gt=0).exists():
            return
    withdraw_all(lease.tenant_id, lease.version_id, index)
    with holding(lease) as ingestion:
        index.forget_text(lease.tenant_id, lease.version_id)
        ingestion.chunks_done = ingestion.chunks_before = 0


def withdraw_all(tenant_id: UUID, version_id: UUID, index: ChunkIndex) -> None:
    """In short transactions, because the tenant's other writers wait for each of them."""
    gone = 1
    while gone:
        with managing(tenant_id):
            gone = index.withdraw(tenant_id, version_id)


def tidy(tenant_id: UUID, document_id: UUID, index: ChunkIndex) -> None:
    """Take versions out of the index that nobody reads, and files that nobody needs.

    The text of the last few whole versions stays, so that citations keep pointing at what they cited. Safe
    to be called at any time, twice, and by two workers.
    """
    with managing(tenant_id):
        document = Document.objects.filter(pk=document_id).first()
        if document is None:
            return
        ended = Ingestion.objects.filter(document=document).exclude(
            state__in=(*Ingestion.MOVING, State.RECEIVED)
        )
        versions = list(
            DocumentVersion.objects.filter(pk__in=ended.values("pk")).exclude(pk__in=[document.version_id])
        )
    for version in versions:
        withdraw_all(tenant_id, version.pk, index)
    drop_checkpoints(tenant_id, document_id)
    forget_oldest(tenant_id, document_id, index)


def drop_checkpoints(tenant_id: UUID, document_id: UUID) -> None:
    """Delete the text and pieces that ended work has left in the vault."""
    with managing(tenant_id):
        ended = Ingestion.objects.filter(document_id=document_id).exclude(
            state__in=(*Ingestion.MOVING, State.RECEIVED, State.FAILED)
        )
        names = [
            name
            for row in ended.values_list("parsed_name", "pieces_name", named=False)
            for name in row
            if name
        ]
        if not names:
            return
        ended.update(parsed_name="", pieces_name="")
    for name in names:
        vault.delete(name)


def forget_oldest(tenant_id: UUID, document_id: UUID, index: ChunkIndex) -> None:
    """Delete versions beyond those that are kept, never the one that is read nor one on its way."""
    with managing(tenant_id):
        document = Document.objects.get(pk=document_id)
        ended = Ingestion.objects.filter(document=document).exclude(
            state__in=(*Ingestion.MOVING, State.RECEIVED)
        )
        older = DocumentVersion.objects.filter(
            pk__in=ended.values("pk"), number__lt=max(document.content_version, 1)
        )
        beyond = list(older.exclude(pk__in=[document.version_id]).order_by("-number"))[
            settings.RAGSITE_VERSIONS_KEPT :
        ]
        for version in beyond:
            index.forget_text(tenant_id, version.pk)
        DocumentVersion.objects.filter(pk__in=[version.pk for version in beyond]).delete()
        still = set(DocumentVersion.objects.filter(document=document).values_list("stored_name", flat=True))
    for version in beyond:
        if version.stored_name and version.stored_name not in still:
            vault.delete(version.stored_name)
