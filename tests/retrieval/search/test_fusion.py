"""Two rankings into one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.search.fusion import fuse_rankings, fuse_scores

SCORES = st.dictionaries(st.integers(0, 50), st.floats(-1, 30), max_size=20)


def test_what_both_searches_found_best_is_best():
    assert fuse_scores({1: 0.9, 2: 0.8, 3: 0.1}, {1: 12.0, 3: 4.0})[0] == (1, 1.0)


def test_each_search_is_stretched_to_its_own_range():
    fused = dict(fuse_scores({1: 0.8, 2: 0.6, 3: 0.4}, {2: 20.0, 1: 0.5}))
    assert fused == pytest.approx({1: 0.5, 2: 0.75, 3: 0.0})


def test_a_search_alone_decides_when_the_other_found_nothing():
    assert fuse_scores({}, {7: 3.0, 8: 1.0}) == [(7, 1.0), (8, 0.0)]
    assert fuse_scores({7: 0.3, 8: 0.1}, {}) == [(7, 1.0), (8, 0.0)]
    assert fuse_scores({}, {}) == []


def test_equal_scores_are_all_best_and_keep_the_order_of_ids():
    assert fuse_scores({9: 0.5, 4: 0.5}, {}) == [(4, 1.0), (9, 1.0)]


@given(SCORES, SCORES)
def test_fused_scores_fall_and_stay_between_0_and_1(dense, lexical):
    fused = fuse_scores(dense, lexical)
    scores = [score for _, score in fused]
    assert {id_ for id_, _ in fused} == dense.keys() | lexical.keys()
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 + 1e-9 for score in scores)


def test_reciprocal_ranks_add_up():
    assert fuse_rankings([[5, 6], [6]], k=10) == [(6, 1 / 12 + 1 / 11), (5, 1 / 11)]


def test_a_damping_rank_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        fuse_rankings([[1]], k=0)
