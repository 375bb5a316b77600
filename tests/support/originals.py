"""Documents with the file they were made from."""

from accounts.database import managing
from retrieval.ingestion import vault
from retrieval.models import Document, DocumentVersion


def with_file(
    document: Document, content: bytes, name: str = "report.txt", media_type: str = "text/plain"
) -> Document:
    """The document, with these bytes kept as its original."""
    kept = vault.keep(document.tenant_id, [content])
    with managing(document.tenant_id):
        Document.objects.filter(pk=document.pk).update(
            size_bytes=kept.size_bytes, content_sha256=kept.sha256, source_name=name, media_type=media_type
        )
        DocumentVersion.objects.filter(document=document).update(
            stored_name=kept.name,
            size_bytes=kept.size_bytes,
            content_sha256=kept.sha256,
            media_type=media_type,
        )
        document.refresh_from_db()
    return document


def name_of(document: Document) -> str:
    """What the vault calls the document's file."""
    with managing(document.tenant_id):
        return DocumentVersion.objects.values_list("stored_name", flat=True).get(document=document)
