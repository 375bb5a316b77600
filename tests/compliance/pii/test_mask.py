"""Placeholders in place of personal data."""

from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.pii import DEFAULT_POLICY, PiiEngine, PiiRules, PiiSpan, apply

ENGINE = PiiEngine()
RULES = DEFAULT_POLICY.question


def masked(text: str, rules: PiiRules = RULES) -> str:
    return apply(text, ENGINE.find(text), rules).text


def test_several_values_are_replaced_each_in_its_place() -> None:
    text = "Mail ann@acme.example, card 4111 1111 1111 1111, then bob@acme.example."
    assert masked(text) == "Mail <EMAIL_ADDRESS_1>, card <CREDIT_CARD_1>, then <EMAIL_ADDRESS_2>."


def test_equal_values_share_a_number_however_they_are_written() -> None:
    text = "card 4111 1111 1111 1111 is 4111-1111-1111-1111; Ann@acme.example is ann@ACME.example"
    assert masked(text) == "card <CREDIT_CARD_1> is <CREDIT_CARD_1>; <EMAIL_ADDRESS_1> is <EMAIL_ADDRESS_1>"


def test_a_placeholder_in_the_text_keeps_its_number_to_itself() -> None:
    assert masked("<EMAIL_ADDRESS_1> and ann@acme.example") == "<EMAIL_ADDRESS_1> and <EMAIL_ADDRESS_2>"


def test_allowed_types_stay_and_are_not_counted() -> None:
    text = "ann@acme.example on 2026-01-31"
    result = apply(text, ENGINE.find(text), PiiRules(actions={"DATE_TIME": "mask"}))
    assert (result.text, result.counts) == ("ann@acme.example on <DATE_TIME_1>", {"DATE_TIME": 1})


def test_a_blocked_type_is_named_and_never_left_in_the_text() -> None:
    text = "ann@acme.example has SSN 536-90-4399"
    result = apply(text, ENGINE.find(text), PiiRules(actions={"US_SSN": "block", "EMAIL_ADDRESS": "mask"}))
    assert result.blocked_type == "US_SSN"
    assert "536-90-4399" not in result.text


def test_a_masked_text_holds_nothing_to_mask() -> None:
    once = masked("Ann: ann@acme.example, SSN 536-90-4399, call (212) 555-0123")
    assert masked(once) == once


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=5), st.text("abc", min_size=1, max_size=3)), max_size=6),
    st.text(max_size=4),
)
def test_everything_outside_the_spans_stays_as_it_was(parts: list[tuple[str, str]], tail: str) -> None:
    text, spans = "", []
    for gap, value in parts:
        text += gap
        spans.append(PiiSpan(start=len(text), end=len(text) + len(value), entity_type="US_SSN", score=1.0))
        text += value
    gaps = "".join(gap for gap, _ in parts) + tail

    result = apply(text + tail, spans, RULES)

    placeholders = sum(len("<US_SSN_0>") for _ in spans)
    assert len(result.text) == len(gaps) + placeholders
    assert result.text.endswith(tail)
