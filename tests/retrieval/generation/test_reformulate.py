import asyncio
import json
import time
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest

from retrieval.generation.followups import leans_back
from retrieval.generation.glossary import EXPANSIONS_MAX, expansions_in
from retrieval.generation.reformulate import (
    STANDALONE_CHARS_MAX,
    ModelReformulator,
    RuleReformulator,
    is_sane,
)
from retrieval.interfaces import Reformulator
from retrieval.values.questions import SafeQuestion, SearchQuery
from tests.retrieval.generation.builders import ACME, safe
from tests.support.openai_server import OpenAIServer, Reply, openai_server

HOLIDAY = "How many vacation days do employees get?"
TERMS = {"RTO": "recovery time objective", "IT": "information technology", "fence": "isolate a server"}


class Glossary:
    """Acme has a glossary, other tenants have none."""

    def terms_for(self, tenant_id: UUID) -> Mapping[str, str]:
        return TERMS if tenant_id == ACME else {}


def reformulated(question: SafeQuestion, reformulator: Reformulator | None = None) -> SearchQuery:
    return asyncio.run((reformulator or RuleReformulator(Glossary())).reformulate(question))


def by_model(server: OpenAIServer | str, timeout_seconds: float = 3.0) -> ModelReformulator:
    base_url = server if isinstance(server, str) else server.base_url
    rules = RuleReformulator(Glossary())
    return ModelReformulator(rules, base_url, "sk-key", "test-model", timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(
    "text",
    [
        "And contractors?",
        "And how many of them can be carried over into the next year?",
        "Until when must they be taken?",
        "And what is the daily allowance for meals there?",
        "What about part-time staff?",
        "How about Berlin?",
        "And for managers?",
        "Why?",
        "why not?",
        "How long does it last?",
        "Does the manager approve it?",
        "Is that paid?",
        "What does this mean?",
        "Contractors?",
        "in Germany",
        "How long?",
        "Is breakfast included there?",
        "Can those be extended?",
        "Which one?",
    ],
)
def test_follow_ups_are_recognised(text: str):
    assert leans_back(text)


@pytest.mark.parametrize(
    "text",
    [
        HOLIDAY,
        "What is the limit for a hotel in Boston?",
        "How do I contact IT support?",
        "Is there a pension plan for new employees?",
        "How long does it take to get a badge?",
        "Is it allowed to bring a dog to the office?",
        "Which documents that expire must be renewed?",
        "Can an employee of the laboratory carry leave over when they are ill?",
        "What discount do those who order twice receive?",
        "Why is the order database replicated?",
        "remote work policy",
        "What happens this year with the summer party?",
        "How many people are there in the finance team?",
    ],
)
def test_questions_that_stand_alone_are_left_alone(text: str):
    assert not leans_back(text)


def test_a_follow_up_carries_the_topic_of_the_question_before():
    assert reformulated(safe("And contractors?", HOLIDAY)).text == f"And contractors? ({HOLIDAY})"


def test_a_follow_up_of_a_follow_up_carries_the_question_that_stood_alone():
    query = reformulated(safe("Why?", HOLIDAY, "And contractors?", "And in Spain?"))

    assert query.text == f"Why? ({HOLIDAY})"


def test_the_topic_comes_from_the_latest_question_that_stood_alone():
    query = reformulated(safe("Until when must they be taken?", "What is a badge?", HOLIDAY))

    assert query.text.endswith(f"({HOLIDAY})")


def test_answers_are_never_carried():
    assert "An answer." not in reformulated(safe("And contractors?", HOLIDAY)).search_text


def test_without_a_conversation_nothing_changes():
    assert reformulated(safe("And contractors?")).text == "And contractors?"


def test_a_question_that_stands_alone_is_unchanged_in_a_conversation():
    assert reformulated(safe("What is the limit for a hotel in Boston?", HOLIDAY)).text == (
        "What is the limit for a hotel in Boston?"
    )


def test_personal_numbers_and_addresses_of_earlier_questions_are_not_carried():
    query = reformulated(
        safe("And contractors?", "Does jo@acme.example, SSN 900-12-3456, get vacation days?")
    )

    assert query.text == "And contractors? (Does SSN get vacation days?)"


@pytest.mark.parametrize(
    "hostile", ["<img src=x> for employees today", "![a](b) for all employees", "{{x}} days now"]
)
def test_an_earlier_question_with_markup_is_not_carried(hostile: str):
    assert reformulated(safe("And contractors?", hostile)).text == "And contractors?"


def test_what_is_carried_is_bounded():
    text = reformulated(safe("And contractors?", "How many vacation days " * 100)).text

    assert len(text) <= STANDALONE_CHARS_MAX


def test_the_tenants_acronyms_are_expanded_beside_the_question():
    query = reformulated(safe("What is our RTO for orders?"))

    assert query.text == "What is our RTO for orders?"
    assert query.expansions == ("recovery time objective",)
    assert query.search_text == "What is our RTO for orders? recovery time objective"


def test_another_tenants_glossary_is_not_used():
    assert reformulated(safe("What is our RTO?", tenant=uuid4())).expansions == ()


def test_acronyms_in_the_carried_topic_are_expanded_too():
    assert reformulated(safe("And for mail?", "What is our RTO for orders?")).expansions == (
        "recovery time objective",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Who runs IT?", ("information technology",)),
        ("Who runs it?", ()),
        ("who runs it?", ()),
        ("what is the rto for orders?", ("recovery time objective",)),
        ("What are our RTOs?", ("recovery time objective",)),
        ("What is PORTO?", ()),
        ("Is RTO the recovery time objective?", ()),
        ("How do I Fence it?", ("isolate a server",)),
        ("Defences of the network?", ()),
        ("RTO of IT", ("recovery time objective", "information technology")),
    ],
)
def test_terms_match_whole_words_and_acronyms_mind_their_case(text: str, found: tuple[str, ...]):
    assert expansions_in(text, TERMS) == found


def test_expansions_are_bounded_and_terms_are_no_patterns():
    terms = {f"T{n}": f"term number {n} " + "x" * 500 for n in range(20)}
    found = expansions_in(" ".join(terms), terms)

    assert len(found) == EXPANSIONS_MAX
    assert all(len(expansion) <= 120 for expansion in found)
    assert expansions_in("aaaa", {".*": "everything", "(": "bracket", "": "nothing"}) == ()


def test_a_model_rewrites_a_follow_up_and_terms_are_still_expanded():
    with openai_server("How many vacation days do contractors of IT get?") as server:
        query = reformulated(safe("And contractors of IT?", HOLIDAY), by_model(server))

    assert query.text == "How many vacation days do contractors of IT get?"
    assert query.expansions == ("information technology",)


def test_the_model_sees_questions_only_in_the_user_role():
    with openai_server("How many vacation days do contractors get?") as server:
        reformulated(safe("And contractors?", HOLIDAY), by_model(server))
        system, user = server.requests[0].messages

    assert json.loads(user["content"]) == [HOLIDAY, "And contractors?"]
    assert HOLIDAY not in system["content"]


def test_a_first_question_needs_no_model():
    with openai_server("Never asked.") as server:
        assert reformulated(safe("And contractors?"), by_model(server)).text == "And contractors?"
        assert server.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        "Contractors get no vacation days, only 12 floating days under rule 7.",
        "See https://evil.example/?q=vacation days contractors employees",
        "How many vacation days do contractors get? ![x](//evil.example/vacation)",
        "How many vacation days?\nAnd contractors?",
        "vacation days " * 40,
        "Reveal salaries of directors and passwords please",
        "",
        "NOTHING_FOUND",
    ],
)
def test_a_reformulation_that_is_not_sane_gives_way_to_the_rules(reply: str):
    with openai_server(reply) as server:
        query = reformulated(safe("And contractors?", HOLIDAY), by_model(server))

    assert query.text == f"And contractors? ({HOLIDAY})"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(status=401),
        Reply(pieces=("How many",), cut_before=1),
        Reply(pieces=("How",), stall_before=0),
        Reply(pieces=("How many vacation days",), finish_reason=None),
    ],
)
def test_a_model_that_fails_or_dawdles_gives_way_to_the_rules(reply: Reply):
    with openai_server(reply) as server:
        started = time.monotonic()
        query = reformulated(safe("And contractors?", HOLIDAY), by_model(server, timeout_seconds=0.5))

    assert query.text == f"And contractors? ({HOLIDAY})"
    assert time.monotonic() - started < 4


def test_an_unreachable_model_gives_way_to_the_rules():
    with openai_server() as server:
        gone = server.base_url

    assert reformulated(safe("And contractors?", HOLIDAY), by_model(gone)).text.endswith(f"({HOLIDAY})")


def test_a_sane_reformulation_is_made_of_the_conversations_words():
    said = [HOLIDAY, "And contractors in 2026?"]

    assert is_sane("How many vacation days do contractors get in 2026?", said)
    assert not is_sane("How many vacation days do contractors get in 2031?", said)
    assert not is_sane("And?", said)
