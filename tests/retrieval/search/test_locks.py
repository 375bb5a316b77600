"""Two locks on every search: each holds alone, with the other one taken out."""

import pytest
from django.db import connection, connections

from accounts.database import as_multirange, managing, reading
from accounts.models import Membership, User
from retrieval.language.analyser import document_terms
from retrieval.models import Chunk
from retrieval.search import retriever, statements
from retrieval.search.index import dense_text
from retrieval.search.planner import Limits
from retrieval.search.postings import postings
from retrieval.search.retriever import _parameters
from retrieval.search.weighting import sparse
from tests.factories import a_collection, a_document, a_group, a_scope, a_tenant, everyone, fake_vector
from tests.retrieval.search.builders import ONLY_APPROXIMATE, a_query, retrieve

SHAPES = pytest.mark.parametrize("exact", [True, False], ids=["exact", "graph"])
WORDS = pytest.mark.parametrize("every_lexeme", [True, False], ids=["every-lexeme", "rare-lexemes"])

WITHOUT_CONDITIONS = """
create or replace view retrieval_findable_document as
    select d.id, d.tenant_id, d.collection_id, d.searchable, d.sensitivity, d.principals, d.chunk_count, d.version_id
      from retrieval_document d, (values (1)) as read_only;
create or replace view retrieval_findable_lexeme as
    select l.chunk_id, l.tenant_id, l.version_id, l.terms, l.weights
      from retrieval_chunk_lexeme l, (values (1)) as read_only;
"""


@pytest.fixture
def world():
    """A reader with one document, beside a secret one in her tenant and one in another tenant."""
    acme, globex = a_tenant(), a_tenant()
    shelf = a_collection(acme, readers=(everyone(acme),))
    a_document(shelf, "monthly leave")
    a_document(shelf, "secret leave policy", readers=(a_group(acme),))
    a_document(a_collection(globex, readers=(everyone(globex),)), "foreign leave policy")
    return a_scope(acme), globex


# Which of the settings is missed first is the planner's choice.
SAYS_NOTHING = "invalid input syntax for type (uuid|integer)"


def readable_ids(scope) -> set[int]:
    with managing(scope.tenant_id):
        return set(
            Chunk.objects.filter(tenant_id=scope.tenant_id)
            .filter(version__document__principals__overlap=list(scope.principals))
            .values_list("id", flat=True)
        )  # fmt: skip


def everything_asked(query, **changes) -> dict[str, object]:
    terms = document_terms(query.text)
    return _parameters(query) | {
        "vector": dense_text(fake_vector(query.text)),
        "weights": sparse(dict.fromkeys(terms, 1.0)),
        "rare": list(postings(query.scope.tenant_id, terms).values()),
        "depth": 100,
        "space": None,
        "over_fetch": 100,
        **changes,
    }


def ids(rows) -> set[int]:
    return {chunk_id for _, chunk_id, _, _ in rows}


@pytest.mark.django_db
@SHAPES
@WORDS
def test_without_the_predicate_the_database_still_hides(world, monkeypatch, exact, every_lexeme):
    scope, _ = world
    monkeypatch.setattr(statements, "READABLE", "true")
    monkeypatch.setattr(statements, "BY_PRINCIPAL", "retrieval_findable_document d")
    with reading(scope), connection.cursor() as cursor:
        cursor.execute(
            statements.search(exact=exact, every_lexeme=every_lexeme),
            everything_asked(a_query(scope, "leave")),
        )
        found = ids(cursor.fetchall())
    assert len(found) == 1
    assert found == readable_ids(scope)


@pytest.mark.django_db
@SHAPES
@WORDS
def test_asking_for_another_tenant_inside_ones_own_transaction_finds_nothing(world, exact, every_lexeme):
    scope, globex = world
    theirs = {
        "tenant": globex.pk,
        "principals": [everyone(globex).pk],
        "held": as_multirange([everyone(globex).pk]),
    }
    with reading(scope), connection.cursor() as cursor:
        cursor.execute(
            statements.search(exact=exact, every_lexeme=every_lexeme),
            everything_asked(a_query(scope, "leave"), **theirs),
        )
        assert cursor.fetchall() == []


@SHAPES
@WORDS
def test_without_row_level_security_the_predicate_still_filters(committed, exact, every_lexeme):
    acme, globex = a_tenant(), a_tenant()
    shelf = a_collection(acme, readers=(everyone(acme),))
    a_document(shelf, "monthly leave")
    a_document(shelf, "secret leave policy", readers=(a_group(acme),))
    scope = a_scope(acme)
    # She belongs to both tenants, and asks in one of them.
    herself = User.objects.get(pk=scope.user_id)
    Membership.objects.create(tenant=globex, user=herself)
    a_document(a_collection(globex, readers=(herself,)), "foreign leave policy")
    with connections["owner"].cursor() as cursor:
        cursor.execute(WITHOUT_CONDITIONS)
        cursor.execute("select count(*) from retrieval_findable_document")
        assert cursor.fetchone() == (3,)  # the owner's own policy shows her everything
        cursor.execute(
            statements.search(exact=exact, every_lexeme=every_lexeme),
            everything_asked(a_query(scope, "leave")),
        )
        found = ids(cursor.fetchall())
    assert len(found) == 1
    assert found == readable_ids(scope)


@pytest.mark.django_db
@pytest.mark.parametrize("limits", [Limits(), ONLY_APPROXIMATE], ids=["exact", "approximate"])
def test_principals_that_were_tampered_with_on_the_way_find_nothing_more(world, monkeypatch, limits):
    scope, _ = world
    everybody = list(range(1, 10_000))
    monkeypatch.setattr(
        retriever,
        "_parameters",
        lambda query: _parameters(query) | {"principals": everybody, "held": as_multirange(everybody)},
    )
    found = retrieve(a_query(scope, "leave"), limits=limits)
    assert {candidate.chunk_id for candidate in found.ranked} == readable_ids(scope)


@pytest.mark.django_db
@pytest.mark.parametrize("view", ["retrieval_findable_document", "retrieval_findable_lexeme"])
def test_outside_of_a_transaction_that_says_for_whom_a_search_fails(world, view):
    with connection.cursor() as cursor, pytest.raises(Exception, match=SAYS_NOTHING):
        cursor.execute(f"select count(*) from {view}")


@pytest.mark.django_db
@pytest.mark.parametrize("view", ["retrieval_findable_document", "retrieval_findable_lexeme"])
def test_nothing_is_written_through_the_views(world, view):
    scope, _ = world
    with (
        pytest.raises(Exception, match="cannot update"),
        managing(scope.tenant_id),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"update {view} set tenant_id = tenant_id")
