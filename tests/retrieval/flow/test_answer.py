"""The order of the flow, and that nothing gets past the end of it."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from retrieval.flow.ask import ask, stream
from retrieval.values.answers import Answered, NothingFound, Refused, Source, Withheld
from retrieval.values.events import Event, TextReleased
from tests.retrieval.flow.fakes import Calls, a_question, an_answer, some_components


def run(components, emit=None):
    return asyncio.run(ask(a_question(), components, *([emit] if emit else [])))


def test_the_steps_are_taken_in_the_order_of_the_picture():
    calls = Calls()
    outcome = run(some_components(calls))

    assert calls == [
        "audit.open", "settings", "inspect", "exact", "reformulate", "retrieve", "permit", "audit.retrieved",
        "evidence", "generate", "store", "audit.close",
    ]  # fmt: skip
    assert isinstance(outcome, Answered)
    assert outcome.text == "27 days [1]."
    assert [citation.number for citation in outcome.citations] == [1]


def test_a_refused_question_reaches_neither_cache_nor_search():
    calls = Calls()
    outcome = run(some_components(calls, blocked=True))

    assert outcome == Refused(rule="injection.override")
    assert calls == ["audit.open", "settings", "inspect", "audit.close"]


def test_an_exact_hit_ends_before_retrieval():
    calls = Calls()
    outcome = run(some_components(calls, exact=an_answer()))

    assert outcome == an_answer()
    assert "retrieve" not in calls


def test_a_hit_by_evidence_ends_before_generation_and_after_the_permission_filter():
    calls = Calls()
    outcome = run(some_components(calls, evidence=an_answer(source=Source.EVIDENCE_CACHE)))

    assert isinstance(outcome, Answered)
    assert calls.index("permit") < calls.index("evidence")
    assert "generate" not in calls


def test_without_a_permitted_chunk_nothing_is_generated():
    calls = Calls()
    outcome = run(some_components(calls, denied=True))

    assert outcome == NothingFound()
    assert "generate" not in calls
    assert "evidence" not in calls


def test_a_draft_without_text_is_nothing_found():
    assert run(some_components(pieces=())) == NothingFound()


def test_a_withheld_answer_is_not_stored():
    calls = Calls()
    outcome = run(some_components(calls, withheld=True))

    assert outcome == Withheld(rule="injection.override")
    assert "store" not in calls


def test_the_answer_is_stored_in_the_epoch_read_before_retrieval():
    components = some_components()
    run(components)

    assert [miss.epoch for _, miss in components.cache.stored] == [4]


def test_a_cached_answer_is_sent_as_text_to_the_listener():
    heard: list[Event] = []

    async def listen(event: Event) -> None:
        heard.append(event)

    run(some_components(exact=an_answer()), listen)
    assert [event.text for event in heard if isinstance(event, TextReleased)] == ["27 days [1]."]


@pytest.mark.parametrize("entry", ["open", "retrieved"])
def test_without_its_audit_entry_no_step_is_taken_and_no_text_leaves(entry: str):
    calls = Calls()
    heard: list[Event] = []

    async def listen(event: Event) -> None:
        heard.append(event)

    with pytest.raises(OSError, match="trail"):
        run(some_components(calls, audit_broken=entry), listen)
    assert not any(isinstance(event, TextReleased) for event in heard)
    assert "generate" not in calls
    if entry == "open":
        assert calls == []


def test_without_its_closing_entry_no_answer_is_returned():
    with pytest.raises(OSError, match="trail"):
        run(some_components(audit_broken="close"))


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ({}, "answered"),
        ({"exact": an_answer()}, "cached"),
        ({"blocked": True}, "refused"),
        ({"denied": True}, "nothing_found"),
        ({"withheld": True}, "withheld"),
    ],
)
def test_every_end_has_its_closing_entry(script, name):
    components = some_components(**script)
    run(components)

    assert [ending.name for ending in components.audit_trail.endings] == [name]


@pytest.mark.parametrize(
    "script", [{"generator_error": ConnectionError()}, {"retriever_error": ValueError()}]
)
def test_a_failed_step_closes_its_audit_record_as_failed(script):
    components = some_components(**script)
    with pytest.raises((ConnectionError, ValueError)):
        run(components)

    (ending,) = components.audit_trail.endings
    assert ending.name == "failed"
    assert ending.error in ("ConnectionError", "ValueError")


def test_leaving_a_stream_cancels_the_flow_and_closes_its_record_as_abandoned():
    components = some_components(wait=asyncio.Event().wait)

    async def leave_at_the_first_text() -> None:
        async with aclosing(stream(a_question(), components)) as items:
            async for item in items:
                if isinstance(item, TextReleased):
                    return

    asyncio.run(asyncio.wait_for(leave_at_the_first_text(), 10))
    assert [ending.name for ending in components.audit_trail.endings] == ["abandoned"]
    assert components.cache.stored == []


def test_a_stream_ends_with_its_outcome():
    async def collect() -> list[Any]:
        return [item async for item in stream(a_question(), some_components())]

    items = asyncio.run(collect())
    assert isinstance(items[-1], Answered)
    assert "".join(item.text for item in items if isinstance(item, TextReleased)) == "27 days [1]."


def test_a_stream_raises_what_the_flow_raises_after_its_events():
    async def collect() -> list[object]:
        items: list[object] = []

        async def read() -> None:
            async for item in stream(a_question(), some_components(generator_error=ConnectionError())):
                items.append(item)

        with pytest.raises(ConnectionError):
            await read()
        return items

    assert any(isinstance(item, TextReleased) for item in asyncio.run(collect()))


def test_a_listener_that_reads_slowly_loses_nothing():
    async def collect() -> str:
        text = ""
        async for item in stream(
            a_question(), some_components(pieces=tuple(str(n % 10) for n in range(500)))
        ):
            await asyncio.sleep(0)
            if isinstance(item, TextReleased):
                text += item.text
        return text

    assert asyncio.run(collect()) == "".join(str(n % 10) for n in range(500))
