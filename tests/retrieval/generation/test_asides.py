import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.generation.asides import without_masked_asides


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("My number is <US_SSN_1>. How long is leave?", "How long is leave?"),
        ("I am <EMAIL_ADDRESS_1>, call <PHONE_NUMBER_1>. When is it due?", "When is it due?"),
        (
            "I travel to Boston. What is the hotel limit there?",
            "I travel to Boston. What is the hotel limit there?",
        ),
        ("Who owns <PHONE_NUMBER_1>?", "Who owns <PHONE_NUMBER_1>?"),
        ("My number is <US_SSN_1>.", "My number is <US_SSN_1>."),
        ("Is <IBAN_CODE_1> ours? It begins with <US_SSN_1>.", "Is <IBAN_CODE_1> ours?"),
        ("How many days", "How many days"),
    ],
)
def test_a_masked_statement_beside_a_question_is_left_out(said, asked):
    assert without_masked_asides(said) == asked


@given(st.text())
def test_a_text_without_masks_stays_as_it_is(text):
    if "<" not in text:
        assert without_masked_asides(text).strip() == text.strip()
