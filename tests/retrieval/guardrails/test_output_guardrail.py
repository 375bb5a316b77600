"""The output guardrail as the flow sees it: what is masked, what is withheld, what closes."""

import asyncio
from contextlib import aclosing

import pytest

from compliance.pii import PiiEngine, PiiSpan
from retrieval.guardrails.output import DefaultOutputGuardrail
from retrieval.interfaces import Inspected, OutputGuardrail, Released
from retrieval.values.verdicts import Action
from tests.retrieval.guardrails.credentials import private_key, samples
from tests.retrieval.guardrails.watching import (
    CANARY,
    PII,
    OnePolicy,
    ScriptedDraft,
    cut,
    guardrail,
    permitted,
    policy,
    search_query,
    watch,
)

SENTENCE = "The library opens at nine and lends each book for one month [1]. "
CARD = "4111 1111 1111 1111"


def test_it_is_an_output_guardrail() -> None:
    watching: OutputGuardrail = guardrail()

    assert watching is not None


def test_a_clean_answer_leaves_unchanged_with_an_allowing_verdict() -> None:
    watched = watch(ScriptedDraft(cut(SENTENCE * 10, [4])))

    assert watched.text == SENTENCE * 10
    assert watched.end.verdict.action is Action.ALLOW
    assert watched.end.verdict.findings == ()


def test_the_end_repeats_everything_that_was_released() -> None:
    watched = watch(ScriptedDraft(cut(SENTENCE * 20, [6])))

    assert len(watched.releases) > 5
    assert watched.end.text == watched.text


def test_an_empty_draft_ends_with_an_empty_text() -> None:
    assert watch(ScriptedDraft([])).end.text == ""


def test_personal_data_is_masked_by_the_tenants_policy() -> None:
    watched = watch(f"The card is {CARD}.", guardrail(policy(CREDIT_CARD="mask")))

    assert watched.text == "The card is <CREDIT_CARD>."
    assert watched.rules == {"pii.CREDIT_CARD": "mask"}


def test_personal_data_that_the_policy_blocks_withholds_the_answer() -> None:
    watched = watch(f"{SENTENCE * 10}The card is {CARD}.", guardrail(policy(CREDIT_CARD="block")))

    assert watched.end.verdict.blocked
    assert watched.end.verdict.rule == "pii.CREDIT_CARD"
    assert "41" not in watched.text


def test_personal_data_that_the_policy_allows_leaves() -> None:
    text = f"The card is {CARD}, and ada@acme.example has it."

    assert watch(text, guardrail(policy(CREDIT_CARD="allow"))).text == text


def test_personal_data_of_a_permitted_passage_goes_by_the_policy_too() -> None:
    watched = watch(f"It is {CARD} [1].", guardrail(), permitted(f"Card: {CARD}"))

    assert watched.text == "It is <CREDIT_CARD> [1]."


def test_a_secret_is_masked_and_the_answer_goes_on() -> None:
    sentence, value = samples(3)["github_token"]
    watched = watch(f"{sentence} {SENTENCE}")

    assert watched.text == f"{sentence.replace(value, '<SECRET>')} {SENTENCE}"
    assert watched.rules == {"secret.github_token": "mask"}


def test_a_kind_of_secret_can_be_made_to_withhold() -> None:
    sentence, _ = samples(3)["github_token"]
    watched = watch(sentence, guardrail(secret_actions={"github_token": Action.BLOCK}))

    assert watched.text == ""
    assert watched.end.verdict.blocked


def test_after_a_blocking_verdict_the_draft_is_closed_and_not_read_on() -> None:
    draft = ScriptedDraft([SENTENCE * 10, f" {CANARY} {SENTENCE}", *[SENTENCE] * 100])

    async def closed_at_the_end() -> bool:
        async with aclosing(guardrail().watch(draft, search_query(), permitted("one"))) as watched:
            async for item in watched:
                if isinstance(item, Inspected):
                    assert item.verdict.rule == "leak.canary"
                    return draft.closed
        raise AssertionError("the watch did not end")

    assert asyncio.run(closed_at_the_end())
    assert draft.written == 2


def test_findings_name_rules_and_never_values() -> None:
    sentence, value = samples(4)["password"]
    watched = watch(f"{sentence} Card {CARD}. [x](http://evil.example/q) [7]")
    findings = repr(watched.end.verdict)

    assert set(watched.rules) == {"secret.password", "pii.CREDIT_CARD", "link.host", "citation.unknown"}
    assert value not in findings
    assert "4111" not in findings
    assert "evil" not in findings


def test_findings_are_counted_once_each() -> None:
    text = f"Card {CARD}. {SENTENCE * 20} Card 5555 5555 5555 4444. {SENTENCE * 20}"
    (finding,) = watch(ScriptedDraft(cut(text, [3]))).end.verdict.findings

    assert (finding.rule, finding.count) == ("pii.CREDIT_CARD", 2)


def test_the_verdict_names_the_detectors_version() -> None:
    assert PiiEngine.version in watch("So.").end.verdict.detector


def test_an_answer_without_passages_keeps_no_citation() -> None:
    assert watch("So it is [1].", chunks=permitted()).text == "So it is."


def test_an_error_of_the_draft_rises_and_releases_nothing_of_what_waits() -> None:
    draft = ScriptedDraft(["The card is 4111 "], error=ConnectionError("gone"))

    assert _until_error(guardrail(), draft, ConnectionError) == []
    assert draft.closed


class _FailingPii(PiiEngine):
    def find(self, text: str, wanted: frozenset[str] = frozenset()) -> list[PiiSpan]:
        if "Monday" in text:
            raise TimeoutError("took too long")
        return PII.find(text, wanted)


def test_an_error_of_a_detector_rises_and_the_rest_never_leaves() -> None:
    failing = DefaultOutputGuardrail(_FailingPii(), OnePolicy(policy()))
    draft = ScriptedDraft(cut(SENTENCE * 10 + "Closed on Monday. " + SENTENCE * 10, [5]))

    released = "".join(_until_error(failing, draft, TimeoutError))
    assert released
    assert "Monday" not in released
    assert draft.closed


def _until_error(by: DefaultOutputGuardrail, draft: ScriptedDraft, error: type[Exception]) -> list[str]:
    released: list[str] = []

    async def run() -> None:
        async for item in by.watch(draft, search_query(), permitted("one")):
            assert isinstance(item, Released)
            released.append(item.text)

    with pytest.raises(error):
        asyncio.run(run())
    return released


def test_a_reader_who_leaves_closes_the_draft() -> None:
    draft = ScriptedDraft([SENTENCE] * 1000)

    async def leave_early() -> bool:
        async with aclosing(guardrail().watch(draft, search_query(), permitted("one"))) as watched:
            async for item in watched:
                assert isinstance(item, Released)
                break
        return draft.closed  # at once, before the event loop tidies up

    assert asyncio.run(leave_early())
    assert draft.written < 1000


def test_a_long_piece_lets_others_run_in_between() -> None:
    async def run() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        by = guardrail()
        _ = [
            item async for item in by.watch(ScriptedDraft([SENTENCE * 50]), search_query(), permitted("one"))
        ]
        task.cancel()
        return turns

    assert asyncio.run(run()) > 20


def test_two_answers_at_once_do_not_share_what_waits() -> None:
    by = guardrail()

    async def one(text: str) -> str:
        items = [i async for i in by.watch(ScriptedDraft(cut(text, [9])), search_query(), permitted("one"))]
        return items[-1].text

    async def both() -> list[str]:
        return list(await asyncio.gather(one("left " * 200), one("right " * 200)))

    assert asyncio.run(both()) == ["left " * 200, "right " * 200]


def test_a_private_key_in_an_answer_withholds_it() -> None:
    assert watch(f"Here: {private_key()}").end.verdict.rule == "secret.private_key"
