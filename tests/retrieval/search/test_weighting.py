"""BM25 against the textbook."""

from math import log
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.language.analyser import analyse, document_terms
from retrieval.search.postings import postings
from retrieval.search.weighting import document_weights, inverse_frequency, sparse

TEXTS = (
    "Annual leave is granted in the leave year.",
    "Pay is due on the last day of the month.",
    "Sick leave needs a note. " * 9,
)
WORDS = st.lists(st.sampled_from(["leave", "pay", "month", "note", "sick", "moon"]), min_size=1, max_size=5)


def bm25(question: str, text: str, texts: tuple[str, ...]) -> float:
    """Robertson's BM25 word by word, k1 1.2, b 0.75, with chunks of 84 terms as the ordinary length."""
    terms = analyse(text)
    score = 0.0
    for word in set(analyse(question)):
        frequency = sum(word in analyse(each) for each in texts)
        idf = log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
        tf = terms.count(word)
        score += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(terms) / 84))
    return score


@given(WORDS)
def test_the_inner_product_is_bm25(words):
    question = " ".join(words)
    documents = [document_terms(text) for text in TEXTS]
    asked = {term: sum(term in each for each in documents) for term in document_terms(question)}
    for text, terms in zip(TEXTS, documents, strict=True):
        weights = document_weights(terms)
        product = sum(inverse_frequency(asked[term], len(TEXTS)) * weights.get(term, 0.0) for term in asked)
        assert product == pytest.approx(bm25(question, text, TEXTS))


def test_a_frequency_above_the_count_of_chunks_still_weighs_above_zero():
    assert inverse_frequency(frequency=12, chunks=3) > 0


def test_sparse_vectors_count_from_one_in_ascending_order():
    assert sparse({5: 0.25, 0: 1.0}) == "{1:1,6:0.25}/1048576"
    assert sparse({}) == "{}/1048576"


def test_two_tenants_list_a_term_under_different_numbers():
    one, other = UUID(int=1), UUID(int=2)
    assert postings(one, [7]) == postings(one, [7])
    assert postings(one, [7]) != postings(other, [7])
    assert all(0 <= number < 2**31 for number in postings(one, range(1000)).values())
