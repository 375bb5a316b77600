"""An index to re-embed: documents of two tenants, the local encoder, and a remote one for the next index."""

from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connections

from accounts.database import managing
from accounts.scope import AccessScope
from retrieval.assembly import contexts, encoder
from retrieval.encoders.openai import RemoteEncoder
from retrieval.ingestion.pipeline import ingest
from retrieval.models import Collection, Document
from retrieval.reembedding.fill import Filling
from retrieval.reembedding.run import Reembedded, reembed
from retrieval.search.planner import STANDARD, Limits
from retrieval.search.retriever import HybridRetriever
from retrieval.search.space import Encoders
from retrieval.values.chunks import Candidates
from tests.factories import a_collection, a_scope, a_tenant, everyone
from tests.retrieval.ingestion.parts import send, some_ingestion
from tests.retrieval.search.builders import a_query, permit

TEXTS = [
    f"the {word} policy of the house, number {n}"
    for n, word in enumerate(["leave", "pay", "travel", "canteen"])
]

# Everything of the schema and of the index that a re-embedding touches.
OBJECTS = """
select c.relname, c.relkind::text, c.relrowsecurity, coalesce(c.relacl, acldefault('r', c.relowner))::text
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname like '%chunk%'
 union all
select tgname, 'trigger', tgenabled = 'O', tgrelid::regclass::text from pg_trigger where not tgisinternal
 union all
select proname, 'function', true, '' from pg_proc where pronamespace = 'public'::regnamespace
 union all
select policyname, 'policy', true, tablename || coalesce(qual, '') from pg_policies
 union all
select name, 'space', true, dimensions::text from retrieval_embeddingspace
 union all
select 'reembedding', 'state', true, state from retrieval_reembedding
 order by 1, 2, 3, 4
"""


@dataclass
class World:
    """shelves: one a tenant. server: the remote encoder's."""

    shelves: list[Collection]
    server: Any

    def remote(self) -> RemoteEncoder:
        return RemoteEncoder(
            base_url=self.server.base_url, api_key="", model="next-model", dimensions=self.server.dimensions,
            timeout_seconds=10, retries_max=0,
        )  # fmt: skip

    def encoders(self) -> Encoders:
        return Encoders(encoder(), self.remote())

    def filling(self, **changes: Any) -> Filling:
        parts: dict[str, Any] = {"encoder": self.remote(), "contexts": contexts()}
        return Filling(**(parts | changes))

    def reembed(self, **changes: Any) -> Reembedded:
        return reembed(self.filling(), lambda *_: None, **changes)

    def take_in(self, shelf: Collection, name: str, text: str, encoders: Encoders | None = None) -> Document:
        known = encoders or self.encoders()
        document = send(shelf, text, name).document
        ended = ingest(shelf.tenant_id, document.pk, some_ingestion(encoders=known.written))
        assert ended is not None
        assert ended.status == Document.Status.INDEXED, ended.reason
        return document


def a_world(server: Any) -> World:
    shelves = []
    for _ in range(2):
        tenant = a_tenant()
        shelves.append(a_collection(tenant, readers=(everyone(tenant),)))
    world = World(shelves=shelves, server=server)
    for shelf in shelves:
        for number, text in enumerate(TEXTS):
            world.take_in(
                shelf, f"{number}.txt", f"{text}\nand its second line {number}", Encoders(encoder())
            )
    return world


class Asker:
    """A process that keeps asking: one retriever that knows both encoders."""

    def __init__(self, world: World, encoders: Encoders | None = None, limits: Limits = STANDARD) -> None:
        self.encoders = encoders or world.encoders()
        self.retriever = HybridRetriever(self.encoders, limits=limits)
        self.scopes = [scope_of(shelf) for shelf in world.shelves]

    def ask(self, text: str, scope: AccessScope | None = None) -> Candidates:
        return async_to_sync(self.retriever.retrieve)(a_query(scope or self.scopes[0], text))

    def check(self, text: str, scope: AccessScope | None = None) -> None:
        """The chunk that says just this is found, and its vector is that of the question."""
        scope = scope or self.scopes[0]
        query = a_query(scope, text)
        found = async_to_sync(self.retriever.retrieve)(query)
        first = permit(found, query).chunks[0]
        assert (first.text, round(first.dense_score or 0, 2)) == (text, 1.0)

    def check_all(self) -> None:
        for scope in self.scopes:
            for text in TEXTS:
                self.check(text, scope)


def scope_of(shelf: Collection) -> AccessScope:
    return a_scope(shelf.tenant)


def rows(statement: str) -> list[tuple[Any, ...]]:
    """As the owner, who sees every tenant's."""
    with connections["owner"].cursor() as cursor:
        return list(cursor.execute(statement).fetchall())


def schema() -> list[tuple[Any, ...]]:
    return rows(OBJECTS)


def lengths() -> set[int]:
    """Of the vectors in the index."""
    return {length for (length,) in rows("select distinct vector_dims(embedding) from retrieval_chunk")}


def each_text_once() -> None:
    """Every version that is read has each of its chunks in the index once, and nothing else is there."""
    expected = rows(
        """select t.chunk_id from retrieval_chunk_text t join retrieval_document d on d.version_id = t.version_id
            order by 1"""
    )
    assert rows("select id from retrieval_chunk order by 1") == expected
    assert rows("select chunk_id from retrieval_chunk_lexeme order by 1") == expected


def chunks_of(document: Document) -> list[int]:
    with managing(document.tenant_id):
        version = Document.objects.values_list("version_id", flat=True).get(pk=document.pk)
    return [number for (number,) in rows(f"select id from retrieval_chunk where version_id = '{version}'")]


def database() -> str:
    return str(settings.DATABASES["default"]["NAME"])
