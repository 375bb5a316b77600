"""How text becomes terms."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.language.analyser import TERM_CHARS_MAX, TERM_SPACE, analyse, document_terms, stem, term_id
from retrieval.language.stop_words import STOP_WORDS
from retrieval.models import index


def test_inflections_of_a_word_are_one_term():
    assert analyse("quarantined quarantines quarantine") == ["quarantin"] * 3


def test_words_that_say_nothing_are_left_out():
    assert analyse("What is the policy of this?") == ["polici"]


def test_an_identifier_is_found_as_a_whole_and_in_its_parts():
    assert analyse("see ERR-4012") == ["see", "err-4012", "err", "4012"]
    assert analyse("snake_case_name")[0] == "snake_case_name"
    assert "3.11" in analyse("Python 3.11.")


def test_words_joined_by_a_hyphen_are_only_their_parts():
    assert analyse("well-known") == ["well", "known"]


@pytest.mark.parametrize("variant", ["ﬁle ４２", "FILE 42", "file 42"])
def test_case_and_compatibility_forms_do_not_matter(variant):
    assert analyse(variant) == ["file", "42"]


@pytest.mark.parametrize("variant", ["employee's leave", "employee’s leave", "EMPLOYEES LEAVE"])
def test_a_possessive_leaves_no_trace(variant):
    assert analyse(variant) == ["employe", "leav"]


def test_a_run_longer_than_any_word_is_not_a_term():
    assert analyse("x" * (TERM_CHARS_MAX + 1)) == []


@given(st.text())
def test_any_text_has_terms_inside_the_space(text):
    assert all(0 <= term < TERM_SPACE and count > 0 for term, count in document_terms(text).items())


@given(st.text())
def test_no_stop_word_is_looked_up(text):
    assert (
        not STOP_WORDS
        & set(text.lower().split())
        & set(analyse(text)) - {stem(w) for w in text.lower().split()}
    )


def test_terms_are_counted():
    assert document_terms("leave, leave and pay") == {term_id("leav"): 2, term_id("pay"): 1}


def test_a_term_keeps_its_number_for_ever():
    # Stored in every index: another number would make stored terms unfindable.
    assert (term_id("leav"), term_id("err-4012")) == (528_515, 863_135)


def test_index_and_analyser_agree_on_the_space():
    assert index.TERM_SPACE == TERM_SPACE


def test_threads_do_not_stem_each_other():
    words = [f"running{'s' * (n % 7)}{n % 50}ing" for n in range(2_000)]
    expected = [stem.__wrapped__(word) for word in words]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stem.__wrapped__, words)) == expected
