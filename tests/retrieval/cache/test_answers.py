"""The answer cache: what it gives, to whom, and until when."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from guardian.shortcuts import assign_perm, remove_perm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.database import managing
from accounts.scope import AccessScope, Sensitivity
from retrieval.cache import answers
from retrieval.cache.answers import PostgresAnswerCache
from retrieval.ingestion.erase import erase_document
from retrieval.interfaces import Miss
from retrieval.models import CachedAnswer, Document, GlossaryTerm, TenantPolicy
from retrieval.search.index import PostgresChunkIndex
from retrieval.values.answers import Answered, Citation, Source, Usage
from retrieval.values.chunks import PermittedChunk, PermittedChunks
from retrieval.values.questions import Exchange, Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Action, Finding, Verdict
from tests.factories import a_collection, a_document, a_group, a_scope, a_tenant, everyone


async def configuration(tenant_id: UUID) -> str:
    return "model|1"


def a_cache(configured: str = "model|1") -> PostgresAnswerCache:
    async def chosen(tenant_id: UUID) -> str:
        return configured

    return PostgresAnswerCache(b"secret", chosen)


def a_query(scope: AccessScope, text: str = "How many days?", **changes: object) -> SearchQuery:
    question = Question(text=text, scope=scope, request_id=uuid4(), **changes)  # type: ignore[arg-type]
    return SearchQuery(question=SafeQuestion(question=question, text=text, verdict=Verdict()), text=text)


def evidence_of(*documents: Document) -> PermittedChunks:
    chunks = tuple(
        PermittedChunk(
            chunk_id=1000 + number, document_id=document.pk, ordinal=0, rank=number + 1, score=1.0,
            title=document.title, heading="", page=None, text="27 days", start_char=0, end_char=7,
            digest=f"{document.pk}:{document.content_version}".encode(),
        )
        for number, document in enumerate(documents)
    )  # fmt: skip
    return PermittedChunks(chunks=chunks)


def an_answer(evidence: PermittedChunks, **changes: object) -> Answered:
    first = evidence.chunks[0]
    citation = Citation(
        number=1, chunk_id=first.chunk_id, document_id=first.document_id, ordinal=0, title=first.title, heading="",
        page=None, quote=first.text,
    )  # fmt: skip
    answer = Answered(
        text="27 days [1].", citations=(citation,), source=Source.GENERATED, verdict=Verdict(detector="d"),
        usage=Usage(model="m", input_tokens=9, output_tokens=9), document_ids=evidence.document_ids,
    )  # fmt: skip
    return replace(answer, **changes)  # type: ignore[arg-type]


def look(cache: PostgresAnswerCache, query: SearchQuery) -> Answered | Miss:
    return async_to_sync(cache.lookup_question)(query.question)


def look_by_evidence(
    cache: PostgresAnswerCache, query: SearchQuery, evidence: PermittedChunks
) -> Answered | None:
    return async_to_sync(cache.lookup_evidence)(query, evidence)


def keep(
    cache: PostgresAnswerCache, query: SearchQuery, evidence: PermittedChunks, **changes: object
) -> bool:
    miss = look(cache, query)
    assert isinstance(miss, Miss)
    return async_to_sync(cache.store)(query, evidence, an_answer(evidence, **changes), miss)


@pytest.fixture
def scene(db: None) -> tuple[AccessScope, Document]:
    tenant = a_tenant()
    document = a_document(a_collection(tenant, readers=(everyone(tenant),)), "27 days")
    return a_scope(tenant), document


def test_the_same_question_is_answered_from_the_cache(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))

    known = look(a_cache(), a_query(scope, "  how many DAYS "))
    assert isinstance(known, Answered)
    assert known.text == "27 days [1]."
    assert known.source is Source.EXACT_CACHE
    assert known.document_ids == (document.pk,)
    assert known.usage == Usage(model="m")


@pytest.mark.parametrize(
    "other", ["How many hours?", "How many days not?", "How many days? 2", "How many days", "Days how many?"]
)
def test_only_the_same_words_are_the_same_question(scene, other):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))

    assert isinstance(look(a_cache(), a_query(scope, other)), Answered if other == "How many days" else Miss)


def test_the_same_follow_up_after_another_conversation_is_another_question(scene):
    scope, document = scene
    before = (Exchange(question="Holiday?", answer="27"),)
    keep(a_cache(), a_query(scope, history=before), evidence_of(document))

    assert isinstance(look(a_cache(), a_query(scope)), Miss)
    assert isinstance(look(a_cache(), a_query(scope, history=before)), Answered)


def test_a_question_of_some_collections_is_not_the_question_of_all(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))

    assert isinstance(
        look(a_cache(), a_query(scope, collection_ids=frozenset({document.collection_id}))), Miss
    )


def test_another_model_prompt_or_policy_finds_nothing(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))

    assert isinstance(look(a_cache("model|2"), a_query(scope)), Miss)
    assert look_by_evidence(a_cache("model|2"), a_query(scope), evidence_of(document)) is None


def test_a_colleague_with_other_rights_does_not_hit_by_question(scene):
    """T-31: the same words, at similarity 1.0."""
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))
    colleague = replace(scope, user_id=scope.user_id + 1_000_000)

    assert isinstance(look(a_cache(), a_query(colleague)), Miss)


def test_a_colleague_with_the_same_evidence_hits_by_evidence(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))
    colleague = replace(scope, user_id=scope.user_id + 1_000_000)

    known = look_by_evidence(a_cache(), a_query(colleague), evidence_of(document))
    assert known is not None
    assert known.source is Source.EVIDENCE_CACHE


def test_more_evidence_is_other_evidence(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))
    other = a_document(document.collection, "also")

    assert look_by_evidence(a_cache(), a_query(scope), evidence_of(document, other)) is None


CHANGES = {
    "a new grant": lambda tenant, document: assign_perm(
        "view_collection", a_group(tenant), document.collection
    ),
    "a revoked grant": lambda tenant, document: remove_perm(
        "view_collection", everyone(tenant), document.collection
    ),
    "new content": lambda tenant, document: Document.objects.filter(pk=document.pk).update(content_version=2),
    "quarantine": lambda tenant, document: Document.objects.filter(pk=document.pk).update(searchable=False),
    "another level": lambda tenant, document: Document.objects.filter(pk=document.pk).update(sensitivity=3),
    "a new document": lambda tenant, document: a_document(document.collection, "newer"),
    "a removed document": lambda tenant, document: document.delete(),
    "a policy": lambda tenant, document: TenantPolicy.objects.create(tenant=tenant),
    "a glossary term": lambda tenant, document: GlossaryTerm.objects.create(
        tenant=tenant, term="A", expansion="B"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_exact_entry_ends_with(scene, change):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))
    with managing(scope.tenant_id):
        CHANGES[change](document.tenant, document)

    assert isinstance(look(a_cache(), a_query(scope)), Miss)


def test_progress_of_ingestion_alone_ends_no_entry(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))
    with managing(scope.tenant_id):
        Document.objects.filter(pk=document.pk).update(status=Document.Status.PARSING)

    assert isinstance(look(a_cache(), a_query(scope)), Answered)


def test_an_answer_made_while_something_changed_is_never_served_by_question(scene):
    scope, document = scene
    cache, query, evidence = a_cache(), a_query(scope), evidence_of(document)
    miss = look(cache, query)
    with managing(scope.tenant_id):
        Document.objects.filter(pk=document.pk).update(content_version=2)
    async_to_sync(cache.store)(query, evidence, an_answer(evidence), miss)

    assert isinstance(look(cache, query), Miss)


@pytest.mark.parametrize(
    "unfit",
    [
        {"citations": ()},
        {"source": Source.EXACT_CACHE},
        {"verdict": Verdict(findings=(Finding(rule="leak.canary", action=Action.BLOCK),))},
    ],
)
def test_only_fresh_cited_answers_that_were_let_out_are_stored(scene, unfit):
    scope, document = scene

    assert keep(a_cache(), a_query(scope), evidence_of(document), **unfit) is False
    with managing(scope.tenant_id):
        assert not CachedAnswer.objects.exists()


def test_removing_a_document_removes_the_answers_made_from_it(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope), evidence_of(document))
    erase_document(document, PostgresChunkIndex())

    with managing(scope.tenant_id):
        assert not CachedAnswer.objects.exists()


def a_hidden_evidence() -> tuple[AccessScope, AccessScope, SearchQuery, PermittedChunks]:
    """An answer from a closed document, and a colleague who may not read it."""
    tenant = a_tenant()
    group = a_group(tenant)
    document = a_document(a_collection(tenant), "closed", readers=(group,))
    reader, colleague = a_scope(tenant, groups=(group,)), a_scope(tenant)
    keep(a_cache(), a_query(reader), evidence_of(document))
    return reader, colleague, a_query(colleague), evidence_of(document)


@pytest.mark.django_db
def test_evidence_that_is_not_readable_is_never_served_whatever_the_key():
    _, _, query, evidence = a_hidden_evidence()

    assert look_by_evidence(a_cache(), query, evidence) is None


@pytest.mark.django_db
def test_row_level_security_alone_keeps_a_cached_answer_back(monkeypatch):
    monkeypatch.setattr(
        answers, "BY_EVIDENCE", answers.BY_EVIDENCE.replace(answers.ALL_EVIDENCE_READABLE, "true")
    )
    reader, _, query, evidence = a_hidden_evidence()

    assert look_by_evidence(a_cache(), a_query(reader), evidence) is not None
    assert look_by_evidence(a_cache(), query, evidence) is None


@pytest.mark.django_db
def test_the_statement_alone_keeps_a_cached_answer_back(monkeypatch):
    reader, _, query, evidence = a_hidden_evidence()

    def unguarded(scope: AccessScope, statement: str, parameters: dict[str, Any]):
        with managing(scope.tenant_id), connection.cursor() as cursor:
            return cursor.execute(statement, parameters).fetchall()

    monkeypatch.setattr(answers, "rows_for", unguarded)
    assert look_by_evidence(a_cache(), a_query(reader), evidence) is not None
    assert look_by_evidence(a_cache(), query, evidence) is None


@pytest.mark.django_db
def test_a_lookup_is_one_statement_beside_its_transaction(django_assert_num_queries, scene):
    scope, _ = scene
    # savepoint, read back, bind, lookup, restore, release: two of them are the nesting in this test
    with django_assert_num_queries(6):
        look(a_cache(), a_query(scope))


@pytest.mark.django_db
@given(
    readers=st.lists(st.frozensets(st.integers(0, 2), max_size=3), min_size=1, max_size=3),
    mine=st.frozensets(st.integers(0, 2), max_size=3),
    ceiling=st.sampled_from(Sensitivity),
    levels=st.lists(st.sampled_from(Sensitivity), min_size=3, max_size=3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hit_by_evidence_means_that_all_of_it_may_be_read(readers, mine, ceiling, levels):
    tenant = a_tenant()
    groups = [a_group(tenant) for _ in range(3)]
    shelf = a_collection(tenant)
    documents = [
        a_document(shelf, f"text {n}", readers=tuple(groups[i] for i in who), sensitivity=level)
        for n, (who, level) in enumerate(zip(readers, levels, strict=False))
    ]
    evidence = evidence_of(*documents)
    reader = a_scope(tenant, groups=tuple(groups), ceiling=Sensitivity.RESTRICTED)
    if not all(readers):
        return  # nobody could have generated from it
    keep(a_cache(), a_query(reader), evidence)

    asker = a_scope(tenant, groups=tuple(groups[i] for i in mine), ceiling=ceiling)
    may = all(who & mine and level <= ceiling for who, level in zip(readers, levels, strict=False))
    assert (look_by_evidence(a_cache(), a_query(asker), evidence) is not None) == may


def test_keys_hold_no_words(scene):
    scope, document = scene
    keep(a_cache(), a_query(scope, "a very private question"), evidence_of(document))
    with managing(scope.tenant_id), connection.cursor() as cursor:
        (row,) = cursor.execute("select row_to_json(c)::text from retrieval_cachedanswer c").fetchone()

    assert "private question" not in row
