"""Documents as a list shows them: what they are called and how far they are, never what they say."""

from collections.abc import Collection as SomeOf
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.core.paginator import Page, Paginator

from accounts.database import managing, reading
from accounts.scope import AccessScope
from retrieval.api.words import MOVING, STATUSES, media_type_in_words
from retrieval.ingestion.progress import Progress, progress_among
from retrieval.models import Document
from retrieval.models.documents import DocumentQuerySet
from retrieval.models.permitted import permitted_among

DOCUMENTS_PER_PAGE = 25
DEAD = (Document.Status.FAILED, Document.Status.QUARANTINED)
COLUMNS = (
    "tenant",
    "title",
    "collection__name",
    "media_type",
    "status",
    "status_reason",
    "status_at",
    "indexed_at",
    "chunk_count",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDocument:
    """One line of the list."""

    id: UUID
    title: str
    collection: str
    kind: str
    updated_at: datetime
    status: str
    status_words: str
    reason: str
    moving: bool  # a worker has it or will: worth asking again soon
    passages: int
    readable: bool  # by this person, now
    progress: str = ""  # what there is to say besides the status, for who may edit
    fraction: float | None = None  # of its passages, 0 to 1; None where nobody knows
    tried: str = ""  # how often, since it last came further; a reason says so itself
    retriable: bool = False


def documents_for_reader(scope: AccessScope, number: str) -> "Page[ListedDocument]":
    """The documents the person may read, one page of them."""
    with reading(scope):
        page = one_page(Document.objects.readable_by(scope), number)
        found = list(page.object_list)
        readable = permitted_among(scope, [document.pk for document in found])
        if len(readable) < len(found):
            # Of a query that went wrong the number counts nothing either.
            page = Paginator([document for document in found if document.pk in readable], len(found)).page(1)
        return with_lines(page, readable)


def documents_for_editor(scope: AccessScope, number: str, *, failed: bool = False) -> "Page[ListedDocument]":
    """Every document of the tenant with its state; only those the person may read can be opened.

    failed: those only that stopped with a reason.
    """
    with managing(scope.tenant_id):
        documents = Document.objects.filter(tenant_id=scope.tenant_id)
        page = one_page(documents.filter(status__in=DEAD) if failed else documents, number)
    ids = [document.pk for document in page.object_list]
    return with_lines(page, readable_among(scope, ids), progress_among(scope.tenant_id, ids))


def count_failed(tenant_id: UUID) -> int:
    with managing(tenant_id):
        return Document.objects.filter(tenant_id=tenant_id, status__in=DEAD).count()


def documents_by_id(scope: AccessScope, ids: SomeOf[UUID]) -> list[ListedDocument]:
    """An editor's documents with these ids; an id from elsewhere brings nothing."""
    with managing(scope.tenant_id):
        documents = list(columns_of(Document.objects.filter(tenant_id=scope.tenant_id, pk__in=ids)))
    readable, progress = readable_among(scope, ids), progress_among(scope.tenant_id, ids)
    return [line(document, document.pk in readable, progress.get(document.pk)) for document in documents]


def one_page(documents: DocumentQuerySet, number: str) -> Page[Document]:
    page = Paginator(columns_of(documents).order_by("-status_at", "title"), DOCUMENTS_PER_PAGE).get_page(
        number
    )
    page.object_list = list(page.object_list)
    return page


def columns_of(documents: DocumentQuerySet) -> DocumentQuerySet:
    return documents.select_related("collection").only(*COLUMNS)


def readable_among(scope: AccessScope, ids: SomeOf[UUID]) -> set[UUID]:
    with reading(scope):
        found = Document.objects.readable_by(scope).filter(pk__in=ids).values_list("pk", flat=True)
        return permitted_among(scope, set(found))


def with_lines(
    page: Page[Document], readable: set[UUID], progress: Mapping[UUID, Progress] = MappingProxyType({})
) -> "Page[ListedDocument]":
    lines = [
        line(document, document.pk in readable, progress.get(document.pk)) for document in page.object_list
    ]
    return Page(lines, page.number, page.paginator)  # type: ignore[arg-type]  # counts documents, shows lines


def line(document: Document, readable: bool, progress: Progress | None = None) -> ListedDocument:
    moving = document.status in MOVING
    return ListedDocument(
        id=document.pk,
        title=document.title,
        collection=document.collection.name,
        kind=media_type_in_words(document.media_type),
        updated_at=document.indexed_at or document.status_at,
        status=document.status,
        status_words=STATUSES[Document.Status(document.status)],
        reason=document.status_reason,
        moving=moving,
        passages=document.chunk_count,
        readable=readable,
        progress=progress.words if progress else "",
        fraction=progress.fraction if progress and moving else None,
        tried=f"Tried {progress.attempts} times" if progress and moving and progress.attempts > 1 else "",
        retriable=document.status in DEAD,
    )
