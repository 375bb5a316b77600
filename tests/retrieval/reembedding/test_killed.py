"""A re-embedding killed at any point: questions go on being answered, and the next run ends it."""

import signal

import pytest

from retrieval.reembedding.run import abort, status
from tests.retrieval.reembedding.parts import Asker, each_text_once, lengths, rows, schema
from tests.retrieval.reembedding.process import POINTS
from tests.retrieval.reembedding.running import ended, started

AFTER_THE_SWITCH = {"with the index switched", "before the old table is dropped"}


@pytest.mark.parametrize("point", POINTS)
def test_a_re_embedding_that_was_killed_is_ended_by_the_next(world, point):
    code, _, complained = ended(started(world, "--drop", point=point))
    assert code == -signal.SIGKILL, complained

    switched = point in AFTER_THE_SWITCH
    assert lengths() == {16 if switched else 384}
    Asker(world).check_all()
    each_text_once()
    if not switched:
        begun = status().state == "filling"
        assert begun == (not point.startswith(("before the table", "with the table")))

    code, _, complained = ended(started(world, "--drop"))
    assert (code, complained) == (0, "")
    assert lengths() == {16}
    assert status().state == "none"
    Asker(world).check_all()
    each_text_once()
    assert {name for name, *_ in schema() if "_next" in name or "_old" in name} == set()


@pytest.mark.parametrize("point", ["with a batch inserted", "between two parts of the graph"])
def test_what_a_killed_re_embedding_left_can_be_aborted(world, point):
    before = schema()
    ended(started(world, point=point))
    assert abort()
    assert schema() == before
    assert rows("select count(*) from retrieval_chunk") == [(16,)]
    Asker(world).check_all()


def test_of_two_at_once_the_second_is_refused(world, monkeypatch):
    from retrieval.reembedding import run

    original = run.build_graph

    def meanwhile() -> None:
        code, _, complained = ended(started(world))
        assert code == 1
        assert "Another process is re-embedding this index" in complained
        original()

    monkeypatch.setattr(run, "build_graph", meanwhile)
    assert world.reembed().switched is not None
