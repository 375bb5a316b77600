"""What can this person see: counted by collection, and listed a page at a time."""

from dataclasses import dataclass
from uuid import UUID

from accounts.database import reading, rows_for
from accounts.scope import AccessScope
from retrieval.models import Collection, Document

# The view that search reads: its conditions reach an index, those below a policy do not.
COUNTS = """
select d.collection_id, count(*) from retrieval_findable_document d
 where d.tenant_id = %(tenant)s and d.searchable and d.sensitivity <= %(ceiling)s
   and d.principals && %(principals)s::bigint[]
 group by d.collection_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleCollection:
    """A collection with something to read in it, and how much."""

    id: UUID
    name: str
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What a scope may read: collections by name, and one page of documents by title."""

    total: int
    collections: tuple[VisibleCollection, ...]
    documents: tuple[Document, ...]  # with their collections


def visible(scope: AccessScope, limit: int, offset: int = 0) -> Visible:
    """Read as the person would, so that it cannot show more than she sees. Four statements, always."""
    parameters = {
        "tenant": scope.tenant_id,
        "ceiling": int(scope.ceiling),
        "principals": list(scope.principals),
    }
    counts = dict(rows_for(scope, COUNTS, parameters))
    with reading(scope):
        names = Collection.objects.filter(tenant_id=scope.tenant_id, pk__in=counts)
        collections = tuple(
            VisibleCollection(id=pk, name=name, documents=counts[pk])
            for pk, name in names.order_by("name").values_list("pk", "name")
        )
        readable = Document.objects.readable_by(scope).select_related("collection")
        columns = ("tenant", "title", "sensitivity", "collection__name")
        documents = tuple(readable.only(*columns).order_by("title", "pk")[offset : offset + limit])
    return Visible(total=sum(counts.values()), collections=collections, documents=documents)
