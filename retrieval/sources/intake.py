"""The only place where sources touch ingestion: taking a document in, and taking one away."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.base import File

from accounts.scope import Sensitivity
from retrieval.errors import SourceRefused
from retrieval.ingestion.erase import erase_document
from retrieval.ingestion.receive import Dispatch, Received, Upload, receive, safe_name
from retrieval.interfaces import ChunkIndex
from retrieval.models import Document, Source

NAME_CHARS_MAX = 280
# "/" separates folders in a name; what comes before the last one would be cut off as a path.
SEPARATOR = " › "


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How documents get in and out. dispatch: called after commit, for what a worker is to take in."""

    dispatch: Dispatch
    index: ChunkIndex
    bytes_max: int

    def take(self, source: Source, name: str, content: "File[Any]", there: UUID | None) -> Received:
        """Keep a file under this name. `there`: the document it is a newer version of. Inside `managing`.

        Raises RetrievalError where it is no file that can be taken, or the name is another document's.
        """
        named = Document.objects.filter(
            tenant_id=source.tenant_id, collection_id=source.collection_id, source_name=name
        ).first()
        if named is not None and named.pk != there:
            raise SourceRefused(f"The collection has another document called '{name}'.")
        if named is None and there is not None:
            Document.objects.filter(tenant_id=source.tenant_id, pk=there).update(
                source_name=name, collection_id=source.collection_id
            )
        upload = Upload(
            name=name,
            content=content,
            sensitivity=Sensitivity(source.sensitivity) if there is None else None,
            created_by_id=source.created_by_id if there is None else None,
        )
        return receive(source.collection, upload, self.dispatch, self.bytes_max)

    def remove(self, document: Document) -> None:
        """Erase a document that is gone where it came from. Inside `managing`."""
        erase_document(document, self.index)


def document_name(path: str) -> str:
    """What a document at this path is called here; as short as a name may be, and still only its own."""
    parts = path.strip("/").replace("\\", "∖").replace("/", SEPARATOR)
    name = "".join(c for c in parts if c.isprintable()).strip()
    if len(name) > NAME_CHARS_MAX:
        digest = hashlib.sha256(path.encode()).hexdigest()[:12]
        name = f"{digest}… {name[14 - NAME_CHARS_MAX :].lstrip()}"
    return safe_name(name)
