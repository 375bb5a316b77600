"""Citation marks: only those that a passage stands behind."""

import pytest

from retrieval.guardrails.citations import unknown_citations_in
from retrieval.guardrails.edits import disjoint, rewritten


def cleaned(text: str, passages: int = 3) -> str:
    return rewritten(text, disjoint(unknown_citations_in(text, passages)), 0, len(text))


@pytest.mark.parametrize(
    ("written", "released"),
    [
        ("Lend for a month [1].", "Lend for a month [1]."),
        ("Lend for a month [4].", "Lend for a month."),
        ("Lend for a month [0]!", "Lend for a month!"),
        ("Both [1][2] and [3][4] say so.", "Both [1][2] and [3] say so."),
        ("Both [1, 2] say so.", "Both [1, 2] say so."),
        ("Both [1, 7] say so.", "Both [1] say so."),
        ("Both [9; 2; 3] say so.", "Both [2, 3] say so."),
        ("All [1-3] say so.", "All [1-3] say so."),
        ("All [2-9] say so.", "All say so."),
        ("Marked [2](#c2) and [8](#c8).", "Marked [2](#c2) and."),
        ("The ruling of [2024] stands.", "The ruling of [2024] stands."),
        ("See [a] and [].", "See [a] and []."),
    ],
)
def test_a_mark_without_a_passage_goes_and_the_others_stay(written: str, released: str) -> None:
    assert cleaned(written) == released


def test_without_passages_no_mark_stays() -> None:
    assert cleaned("So it is [1].", passages=0) == "So it is."


def test_removing_a_mark_joins_no_words() -> None:
    assert cleaned("left[9]right") == "left right"


def test_the_finding_names_the_rule() -> None:
    assert [edit.rule for edit in unknown_citations_in("It is so [5].", 3)] == ["citation.unknown"]
