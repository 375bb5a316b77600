"""Which path a search takes."""

import pytest

from retrieval.search.planner import Limits, compares_every_lexeme, plan, rarest

LIMITS = Limits(exact_max=20_000, graph_worth=3_000, postings_worth=1_000)


def test_nothing_readable_is_not_searched():
    assert plan(0, 50_000, LIMITS).path == "empty"


@pytest.mark.parametrize(
    ("readable", "tenant", "path"),
    [
        (1, 1, "exact"),
        (3_000, 3_000, "exact"),  # the whole of a small tenant
        (3_001, 3_001, "approximate"),
        (6_000, 20_000, "exact"),  # nearly a third: the graph would walk past two of three
        (20_000, 20_000, "approximate"),  # all of it: the graph walks past nothing
        (20_000, 1_000_000, "exact"),  # a fiftieth: the graph would lose recall
        (20_001, 1_000_000, "approximate"),  # too many to compare each
    ],
)
def test_the_path_follows_the_count_and_the_share(readable, tenant, path):
    assert plan(readable, tenant, LIMITS).path == path


def test_a_count_that_stopped_early_is_approximate():
    chosen = plan(500, 1_000_000, LIMITS, capped=True)
    assert (chosen.path, chosen.capped) == ("approximate", True)


def test_a_plan_says_why():
    assert plan(6_000, 20_000, LIMITS).reason == "6,000 readable chunks are few enough to compare each."
    assert plan(20_000, 20_000, LIMITS).reason == "20,000 readable chunks are 100% of the tenant's."


def test_a_tenant_count_that_lags_behind_does_not_break_the_plan():
    assert plan(10, 0, LIMITS).path == "exact"


def test_few_readable_lexemes_are_all_compared():
    assert compares_every_lexeme(1_000, 1_000, LIMITS)
    assert compares_every_lexeme(4_000, 20_000, LIMITS)
    assert not compares_every_lexeme(20_000, 20_000, LIMITS)
    assert not compares_every_lexeme(1_000, 20_000, LIMITS, capped=True)


def test_the_rarest_terms_come_first_until_they_are_too_many():
    assert rarest({1: 500, 2: 10, 3: 100, 4: 9_000}, chunks_max=200) == [2, 3]


def test_the_rarest_term_is_taken_however_common():
    assert rarest({1: 500, 2: 900}, chunks_max=10) == [1]
    assert rarest({}, chunks_max=10) == []
