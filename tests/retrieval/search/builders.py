"""Questions and a retriever over `tests.factories.fake_vector`."""

from collections.abc import Iterable
from uuid import UUID

from asgiref.sync import async_to_sync

from accounts.scope import AccessScope
from retrieval.interfaces import Encoding
from retrieval.search.permission import DatabasePermissionFilter
from retrieval.search.planner import Limits
from retrieval.search.retriever import HybridRetriever
from retrieval.values.chunks import Candidates, PermittedChunks
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Verdict
from tests.factories import fake_vector

# Everything through the graph and the lists of rare terms, however little there is.
ONLY_APPROXIMATE = Limits(graph_worth=0, postings_worth=0)


class FakeEncoder:
    name, dimensions, tokens_max = "fake", 384, 256

    def encode(self, texts: Iterable[str]) -> list[Encoding]:
        return [Encoding(vector=fake_vector(text)) for text in texts]

    async def encode_one(self, text: str) -> Encoding:
        return Encoding(vector=fake_vector(text))


def a_query(
    scope: AccessScope, text: str = "leave policy", *, collections: Iterable[UUID] = ()
) -> SearchQuery:
    question = Question(text=text, scope=scope, collection_ids=frozenset(collections))
    return SearchQuery(question=SafeQuestion(question=question, text=text, verdict=Verdict()), text=text)


def a_retriever(**changes: object) -> HybridRetriever:
    return HybridRetriever(FakeEncoder(), **changes)  # type: ignore[arg-type]  # passed through


def retrieve(query: SearchQuery, **changes: object) -> Candidates:
    return async_to_sync(a_retriever(**changes).retrieve)(query)


def permit(candidates: Candidates, query: SearchQuery) -> PermittedChunks:
    return async_to_sync(DatabasePermissionFilter().permit)(candidates, query)


def texts_found(scope: AccessScope, text: str = "leave policy", **changes: object) -> set[str]:
    """The texts a person gets to see for a question; the search itself brought nothing else."""
    query = a_query(scope, text)
    permitted = permit(retrieve(query, **changes), query)
    assert permitted.denied == ()
    return {chunk.text for chunk in permitted.chunks}
