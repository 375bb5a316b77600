"""What the audit trail keeps of a question, and that it keeps it for every end."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError

from accounts.database import managing
from accounts.scope import AccessScope
from compliance.models import AuditEntry
from retrieval.audit import trail as trail_module
from retrieval.audit.trail import DatabaseAuditTrail
from retrieval.errors import AuditUnavailable
from retrieval.flow.ask import ask_sync
from retrieval.models import Query
from retrieval.values.questions import Question
from tests.factories import a_scope, a_tenant
from tests.retrieval.flow.fakes import an_answer, some_components

SECRET_WORDS = "quagga marzipan"


@pytest.fixture
def scope(db: None) -> AccessScope:
    return a_scope(a_tenant())


def ask_with_trail(scope: AccessScope, text: str = SECRET_WORDS, **script: Any) -> Question:
    question = Question(text=text, scope=scope)
    components = replace(some_components(**script), audit_trail=DatabaseAuditTrail())
    ask_sync(question, components)
    return question


def entries(question: Question) -> list[AuditEntry]:
    with managing(question.scope.tenant_id):
        return list(AuditEntry.objects.filter(cid=str(question.request_id)).order_by("sequence"))


def test_a_question_leaves_an_opening_a_retrieval_and_a_closing_entry(scope):
    question = ask_with_trail(scope)

    assert [(e.event, e.outcome) for e in entries(question)] == [
        ("query.opened", ""),
        ("retrieval.completed", ""),
        ("query.closed", "answered"),
    ]
    assert {e.actor_id for e in entries(question)} == {scope.user_id}


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ({"exact": an_answer()}, "cached"),
        ({"evidence": an_answer()}, "cached"),
        ({"blocked": True}, "refused"),
        ({"denied": True}, "nothing_found"),
        ({"withheld": True}, "withheld"),
        ({"pieces": ()}, "nothing_found"),
    ],
)
def test_every_end_is_closed_and_recorded(scope, script, outcome):
    question = ask_with_trail(scope, **script)

    assert entries(question)[-1].outcome == outcome
    with managing(scope.tenant_id):
        assert Query.objects.get(pk=question.request_id).outcome == outcome


def test_every_chunk_considered_stands_in_the_trail_with_rank_and_score(scope):
    (chunk,) = entries(ask_with_trail(scope))[1].additional_data["chunks"]

    assert chunk["allowed"] is True
    assert (chunk["rank"], chunk["chunk"], chunk["score"]) == (1, 1, 1.0)


def test_a_denied_chunk_stands_in_the_trail_and_raises_a_security_event(scope):
    found = entries(ask_with_trail(scope, denied=True))

    assert found[1].additional_data["chunks"][0]["reason"] == "no_grant"
    assert [e.event for e in found if e.event.startswith("security.")] == ["security.permission_disagreement"]


def test_a_cached_answer_names_the_documents_of_its_evidence(scope):
    """T-32: from the evidence, not from the citations."""
    closing = entries(ask_with_trail(scope, exact=replace(an_answer(), citations=())))[-1]

    assert closing.additional_data["documents"] == [str(an_answer().document_ids[0])]


def test_no_words_of_question_or_answer_stand_in_the_trail(scope):
    question = ask_with_trail(scope, pieces=("the answer is rhubarb [1]",))
    kept = json.dumps([[e.additional_data, e.changes, e.object_repr] for e in entries(question)])

    for word in ("quagga", "marzipan", "rhubarb", "27 days"):
        assert word not in kept


def test_equal_questions_can_be_matched_within_a_tenant_only(scope):
    other = a_scope(a_tenant())
    marks = [
        entries(ask_with_trail(who))[0].additional_data["question_hmac"] for who in (scope, scope, other)
    ]

    assert marks[0] == marks[1] != marks[2]


def test_the_words_are_kept_where_they_can_be_erased(scope):
    question = ask_with_trail(scope)
    with managing(scope.tenant_id):
        kept = Query.objects.get(pk=question.request_id)

    assert (kept.question, kept.answer) == (SECRET_WORDS, "27 days [1].")
    assert kept.stages_ms.keys() >= {"input_guardrail", "retrieval", "generation"}


def test_a_refused_question_is_not_kept(scope):
    question = ask_with_trail(scope, blocked=True)
    with managing(scope.tenant_id):
        kept = Query.objects.get(pk=question.request_id)

    assert (kept.question, kept.rule) == ("", "injection.override")


def test_each_entry_has_the_digest_of_its_content(scope):
    for entry in entries(ask_with_trail(scope)):
        assert bytes(entry.digest) == entry.compute_digest()


def test_a_trail_that_cannot_be_written_answers_nothing(scope, monkeypatch):
    """T-33."""

    def broken(*args: object, **kwargs: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(trail_module, "append", broken)
    with pytest.raises(AuditUnavailable):
        ask_with_trail(scope)


def test_sequence_numbers_only_grow(scope):
    numbers = [e.sequence for e in entries(ask_with_trail(scope)) + entries(ask_with_trail(scope))]

    assert numbers == sorted(set(numbers))
