"""Taking a document away, with everything that was made from it."""

from django.db import transaction
from django.utils import timezone

from accounts.database import managing
from retrieval.ingestion import vault
from retrieval.interfaces import ChunkIndex
from retrieval.models import CachedAnswer, Document, DocumentVersion, Ingestion


def erase_document(document: Document, index: ChunkIndex) -> None:
    """Hide a document at once, then delete its chunks, cached answers that had it in their prompt, rows, files.

    A process that dies on the way leaves it hidden and ERASING, and the sweep goes on with it.
    """
    hide(document)
    with managing(document.tenant_id):
        versions = list(DocumentVersion.objects.filter(document_id=document.pk).values_list("pk", flat=True))
    for version_id in versions:
        gone = 1
        while gone:
            with managing(document.tenant_id):
                gone = index.withdraw(document.tenant_id, version_id)
    with managing(document.tenant_id):
        names = files_of(document)
        Document.objects.filter(pk=document.pk).delete()
        transaction.on_commit(lambda: delete_files(names))


def hide(document: Document) -> None:
    """From this commit on nobody finds it, no worker goes on with it, and no cache answers from it."""
    with managing(document.tenant_id):
        CachedAnswer.objects.filter(
            tenant_id=document.tenant_id, document_ids__contains=[document.pk]
        ).delete()
        Document.objects.filter(pk=document.pk).update(
            status=Document.Status.ERASING, status_reason="", status_at=timezone.now(), searchable=False
        )
        Ingestion.objects.filter(document_id=document.pk).update(
            state=Ingestion.State.ERASING, lease_token=None, lease_until=None, ended_at=timezone.now()
        )


def delete_files(names: set[str]) -> None:
    for name in names:
        vault.delete(name)


def files_of(document: Document) -> set[str]:
    """Every name in the vault that the document's rows hold. Call inside `managing`."""
    originals = DocumentVersion.objects.filter(document_id=document.pk).values_list("stored_name", flat=True)
    work = Ingestion.objects.filter(document_id=document.pk).values_list("parsed_name", "pieces_name")
    return {name for name in (*originals, *(name for row in work for name in row)) if name}
