"""Taking a document away, with everything that was made from it."""

from django.core.files.storage import default_storage
from django.db import transaction

from accounts.database import managing
from retrieval.interfaces import ChunkIndex
from retrieval.models import CachedAnswer, Document


def erase_document(document: Document, index: ChunkIndex) -> None:
    """Delete a document, its chunks and every cached answer that had it in its prompt; then its file."""
    with managing(document.tenant_id):
        CachedAnswer.objects.filter(
            tenant_id=document.tenant_id, document_ids__contains=[document.pk]
        ).delete()
        index.remove(document.tenant_id, document.pk)
        name = document.file.name
        document.delete()
        if name:
            transaction.on_commit(lambda: default_storage.delete(name))
