"""What the search finds, by which path, in how many statements."""

import pytest
from django.db import connection

from accounts.database import managing
from accounts.scope import AccessScope, Sensitivity
from retrieval.errors import EncoderMismatch
from retrieval.models import Chunk, Document, EmbeddingSpace
from retrieval.search import retriever
from retrieval.search.planner import Limits
from retrieval.search.space import Encoders
from tests.factories import a_collection, a_document, a_group, a_scope, a_tenant, again, everyone
from tests.retrieval.search.builders import (
    ONLY_APPROXIMATE,
    FakeEncoder,
    a_query,
    a_retriever,
    permit,
    retrieve,
    texts_found,
)

pytestmark = pytest.mark.django_db
PATHS = pytest.mark.parametrize("limits", [Limits(), ONLY_APPROXIMATE], ids=["exact", "approximate"])


def a_shelf(*texts: str):
    """A tenant whose member may read one document for each text."""
    tenant = a_tenant()
    collection = a_collection(tenant, readers=(everyone(tenant),))
    for text in texts:
        a_document(collection, text)
    return a_scope(tenant), collection


@PATHS
def test_the_chunk_that_fits_best_comes_first(limits):
    scope, _ = a_shelf("leave policy of the house", "pay is monthly", "the canteen opens at noon")
    query = a_query(scope, "leave policy")
    found = permit(retrieve(query, limits=limits), query)
    assert found.chunks[0].text == "leave policy of the house"
    assert found.chunks[0].rank == 1
    assert not found.denied


@PATHS
def test_each_search_says_what_it_scored(limits):
    scope, _ = a_shelf("leave policy", "monthly pay")
    first, second = retrieve(a_query(scope, "leave policy"), limits=limits).ranked
    assert (first.score, first.dense_score) == pytest.approx((1.0, 1.0), abs=1e-3)
    assert first.lexical_score is not None
    assert first.lexical_score > 0
    assert second.lexical_score is None


@PATHS
def test_a_question_of_unknown_words_is_answered_by_meaning_alone(limits):
    scope, _ = a_shelf("leave policy", "monthly pay")
    found = retrieve(a_query(scope, "zyzzyva"), limits=limits)
    assert len(found.ranked) == 2
    assert {candidate.lexical_score for candidate in found.ranked} == {None}


@PATHS
def test_no_more_than_the_prompt_holds_is_returned(limits):
    scope, _ = a_shelf(*(f"leave policy number {n}" for n in range(12)))
    assert len(retrieve(a_query(scope), limits=limits, chunks_max=5).ranked) == 5


@PATHS
def test_only_the_collections_asked_for_are_searched(limits):
    scope, collection = a_shelf("leave policy")
    tenant_id = collection.tenant_id
    other = a_collection(collection.tenant, readers=(everyone(collection.tenant),))
    a_document(other, "leave policy of the other shelf")
    found = retrieve(a_query(again(scope), collections=[other.pk]), limits=limits)
    with managing(tenant_id):
        assert {c.document_id for c in found.ranked} == set(
            Document.objects.filter(tenant_id=tenant_id, collection=other).values_list("pk", flat=True)
        )


@PATHS
def test_another_tenant_is_never_searched(limits):
    scope, _ = a_shelf("monthly pay")
    a_shelf("leave policy")
    assert texts_found(scope, "leave policy", limits=limits) == {"monthly pay"}


@PATHS
def test_a_document_without_a_grant_is_never_found(limits):
    scope, collection = a_shelf("monthly pay")
    a_document(collection, "leave policy of the board", readers=(a_group(collection.tenant),))
    assert texts_found(scope, "leave policy board", limits=limits) == {"monthly pay"}


@PATHS
def test_a_document_above_the_ceiling_is_never_found(limits):
    scope, collection = a_shelf("monthly pay")
    a_document(collection, "leave policy", sensitivity=Sensitivity.RESTRICTED)
    assert texts_found(scope, "leave policy", limits=limits) == {"monthly pay"}


@PATHS
def test_a_document_that_is_not_searchable_is_never_found(limits):
    scope, collection = a_shelf("monthly pay")
    hidden = a_document(collection, "leave policy")
    with managing(collection.tenant_id):
        Document.objects.filter(pk=hidden.pk).update(searchable=False)
    assert texts_found(scope, "leave policy", limits=limits) == {"monthly pay"}


@PATHS
def test_without_principals_there_is_nothing(limits):
    _, collection = a_shelf("leave policy")
    nobody = AccessScope(tenant_id=collection.tenant_id, user_id=0, group_ids=frozenset())
    found = retrieve(a_query(nobody), limits=limits)
    assert (found.ranked, found.plan.path) == ((), "empty")


def test_the_plan_counts_what_is_readable_and_says_why():
    scope, collection = a_shelf("leave policy", "monthly pay")
    a_document(collection, "secret", readers=(a_group(collection.tenant),))
    plan = retrieve(a_query(scope)).plan
    assert (plan.path, plan.readable_chunks, plan.capped, plan.escalated) == ("exact", 2, False, False)
    assert plan.reason.startswith("2 readable chunks")


def test_counting_stops_where_more_makes_no_difference():
    scope, _ = a_shelf(*(f"leave policy {n}" for n in range(6)))
    plan = retrieve(a_query(scope), limits=Limits(exact_max=3)).plan
    assert (plan.path, plan.capped) == ("approximate", True)


def test_a_remembered_count_ends_with_the_epoch():
    scope, collection = a_shelf("leave policy")
    finder = a_retriever()
    query = a_query(scope)
    assert (
        finder._search(query, FakeEncoder(), FakeEncoder().encode(["leave"])[0].vector).plan.readable_chunks
        == 1
    )
    a_document(collection, "leave year")
    assert (
        finder._search(query, FakeEncoder(), FakeEncoder().encode(["leave"])[0].vector).plan.readable_chunks
        == 2
    )


def test_a_graph_that_brings_too_few_is_followed_by_an_exact_search():
    scope, collection = a_shelf("leave policy", "monthly pay")
    with managing(collection.tenant_id):
        # The count says three, the graph can only bring two.
        Document.objects.filter(collection=collection, tenant_id=collection.tenant_id).update(chunk_count=20)
    found = retrieve(a_query(scope), limits=ONLY_APPROXIMATE)
    assert found.plan.path == "approximate"
    assert found.plan.escalated
    assert found.plan.reason.endswith("The graph brought too few.")
    assert len(found.ranked) == 2


def test_a_search_with_its_permission_filter_takes_few_statements():
    scope, _ = a_shelf("leave policy", "monthly pay")
    query = a_query(scope)
    statements: list[str] = []

    def watch(execute, sql, *rest):
        statements.append(sql)
        return execute(sql, *rest)

    finder = a_retriever()
    vector = FakeEncoder().encode(["leave"])[0].vector
    finder._search(query, FakeEncoder(), vector)  # counts what is readable, once an epoch
    with connection.execute_wrapper(watch):
        permit(finder._search(query, FakeEncoder(), vector), query)
    own = [each for each in statements if "set_config('ragsite" not in each and "SAVEPOINT" not in each]
    own = [each for each in own if "current_setting('ragsite.tenant', true)" not in each]
    assert len(own) == 3


def test_the_index_refuses_another_encoder():
    scope, _ = a_shelf("leave policy")
    EmbeddingSpace.objects.create(pk=1, name="another", dimensions=384)
    with pytest.raises(EncoderMismatch, match="'another'"):
        retrieve(a_query(scope))
    with pytest.raises(EncoderMismatch, match="'another'"):
        Encoders(FakeEncoder()).written()


def test_the_first_encoder_to_write_becomes_the_indexes_own():
    assert [encoder.name for encoder in Encoders(FakeEncoder()).written()] == ["fake"]
    assert [encoder.name for encoder in Encoders(FakeEncoder()).written()] == ["fake"]
    assert EmbeddingSpace.objects.get().name == "fake"


def test_approximate_and_exact_agree_where_both_can_see_everything():
    scope, _ = a_shelf(*(f"leave policy {n} {'pay ' * n}" for n in range(30)))
    exact = retrieve(a_query(scope, "leave pay 7"), limits=Limits())
    approximate = retrieve(a_query(scope, "leave pay 7"), limits=ONLY_APPROXIMATE)
    assert (exact.plan.path, approximate.plan.path) == ("exact", "approximate")
    assert [c.score for c in exact.ranked] == pytest.approx([c.score for c in approximate.ranked], abs=1e-6)


def test_a_short_search_holds_no_connection(monkeypatch):
    scope, _ = a_shelf("leave policy")
    seen: list[bool] = []
    in_database = retriever.in_database

    async def watched(function, *args):
        seen.append(connection.in_atomic_block)
        return await in_database(function, *args)

    monkeypatch.setattr(retriever, "in_database", watched)
    retrieve(a_query(scope))
    assert len(seen) == 1


def test_vectors_of_another_tenant_in_the_same_partition_do_not_shorten_the_walk():
    scope, _ = a_shelf("leave policy")
    stranger = a_tenant()
    shelf = a_collection(stranger, readers=(everyone(stranger),))
    a_document(shelf, *(f"leave policy {n}" for n in range(150)))
    found = retrieve(a_query(scope), limits=ONLY_APPROXIMATE)
    with managing(scope.tenant_id):
        own = set(Chunk.objects.filter(tenant_id=scope.tenant_id).values_list("pk", flat=True))
    assert [c.chunk_id for c in found.ranked] == list(own)
