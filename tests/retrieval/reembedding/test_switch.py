"""Questions and documents while the index goes over to another encoder."""

import json

import pytest

from retrieval.assembly import encoder
from retrieval.errors import EncoderMismatch, EncoderUnavailable, ReembeddingRefused
from retrieval.models import EmbeddingSpace
from retrieval.reembedding import run
from retrieval.reembedding.run import abort, status
from retrieval.search.planner import STANDARD
from retrieval.search.retriever import HybridRetriever
from retrieval.search.space import Encoders
from tests.retrieval.reembedding.parts import (
    TEXTS,
    Asker,
    chunks_of,
    each_text_once,
    lengths,
    rows,
    schema,
    scope_of,
)
from tests.retrieval.reembedding.running import ended, started
from tests.retrieval.search.builders import ONLY_APPROXIMATE

# Another length is an error of the database where nobody notices the switch; the same length is nonsense.
LENGTHS = pytest.mark.parametrize("world", [16, 384], indirect=True, ids=["shorter", "same-length"])


def test_every_question_is_answered_right_while_another_process_re_embeds(world):
    asker = Asker(world)
    asker.check_all()
    process = started(world, "--jobs", "2", "--drop", "--json")
    asked = 0
    while process.poll() is None:
        asker.check(TEXTS[asked % len(TEXTS)], asker.scopes[asked % 2])
        asked += 1
    code, said, complained = ended(process)

    assert (code, complained) == (0, "")
    assert asked > 10
    asker.check_all()
    assert asker.encoders.in_use.name == "next-model"
    assert lengths() == {16}
    report = json.loads(said)
    assert (report["filled"], report["dropped"]) == (16, True)
    each_text_once()


@LENGTHS
@pytest.mark.parametrize("limits", [STANDARD, ONLY_APPROXIMATE], ids=["exact", "graph"])
def test_a_switch_between_the_two_statements_of_a_search_is_noticed(world, monkeypatch, limits):
    asker, switched = Asker(world, limits=limits), []
    original = HybridRetriever._run

    def after_a_switch(self, *args):
        if not switched:
            switched.append(world.reembed(drop=True))
        return original(self, *args)

    monkeypatch.setattr(HybridRetriever, "_run", after_a_switch)
    asker.check(TEXTS[1])
    assert switched[0].switched is not None
    asker.check_all()


@LENGTHS
def test_a_process_that_slept_through_the_switch_answers_with_the_next_encoder(world):
    asker = Asker(world)
    asker.check(TEXTS[0])
    world.reembed()
    asker.check_all()
    late = Asker(world, Encoders(world.remote(), encoder()))  # restarted with the two the other way round
    late.check_all()


def test_a_process_whose_encoder_was_shut_down_after_the_switch_answers_with_the_next(world):
    local = encoder()

    class ShutDown:
        name, dimensions, tokens_max = local.name, local.dimensions, local.tokens_max

        async def encode_one(self, text):
            raise EncoderUnavailable("The encoder cannot be reached.")

    with pytest.raises(EncoderUnavailable):
        Asker(world, Encoders(ShutDown(), world.remote())).ask(TEXTS[0])
    world.reembed()
    Asker(world, Encoders(ShutDown(), world.remote())).check_all()


def test_a_process_that_knows_neither_encoder_says_so(world):
    world.reembed()
    with pytest.raises(EncoderMismatch, match=r"'next-model' with 16 dimensions.*RAGSITE_NEXT_ENCODER"):
        Asker(world, Encoders(encoder())).ask(TEXTS[0])


def test_the_switch_begins_a_new_epoch_for_every_tenant(world):
    before = dict(rows("select tenant_id, value from retrieval_epoch"))
    world.reembed()
    after = dict(rows("select tenant_id, value from retrieval_epoch"))
    assert after == {tenant: value + 1 for tenant, value in before.items()}
    assert EmbeddingSpace.objects.get().name == "next-model"


def test_what_is_taken_in_meanwhile_is_in_both_and_what_goes_meanwhile_in_neither(world, monkeypatch):
    shelf = world.shelves[0]
    gone = world.take_in(shelf, "gone.txt", "this will be replaced", Encoders(encoder()))
    original = run.build_graph

    def meanwhile() -> None:
        world.take_in(shelf, "new.txt", "taken in while the graph was built")
        world.take_in(shelf, "gone.txt", "what came in its place")
        original()

    monkeypatch.setattr(run, "build_graph", meanwhile)
    ended_with = world.reembed(drop=True)

    assert ended_with.filled == 17, "what came meanwhile was written by its worker, not filled in"
    each_text_once()
    assert len(chunks_of(gone)) == 1
    asker = Asker(world)
    asker.check("taken in while the graph was built")
    asker.check("what came in its place")


def test_chunks_of_a_worker_that_does_not_know_the_next_encoder_are_filled_in_before_the_switch(
    world, monkeypatch
):
    shelf, original, times = world.shelves[1], run.verify, []

    def meanwhile(*args) -> None:
        original(*args)
        if not times:
            world.take_in(shelf, "late.txt", "written by an older worker", Encoders(encoder()))
        times.append(1)

    monkeypatch.setattr(run, "verify", meanwhile)
    assert world.reembed().filled == 17
    assert len(times) == 2
    each_text_once()
    Asker(world).check("written by an older worker", scope_of(shelf))


def test_a_batch_that_was_encoded_before_the_switch_is_encoded_again(world):
    known, shelf, once = world.encoders(), world.shelves[0], []
    local = known.in_use

    class Slow:
        name, dimensions, tokens_max = local.name, local.dimensions, local.tokens_max

        def encode(self, texts):
            encodings = local.encode(texts)
            if not once:
                once.append(world.reembed())
            return encodings

    world.take_in(shelf, "across.txt", "encoded before and written after", Encoders(Slow(), world.remote()))
    assert once[0].switched is not None
    assert lengths() == {16}
    each_text_once()
    Asker(world).check("encoded before and written after")


def test_a_next_encoder_that_is_away_keeps_no_document_waiting(world, monkeypatch):
    shelf, original, times = world.shelves[0], run.build_graph, []

    def meanwhile() -> None:
        if not times:
            world.server.statuses = [500]
            world.take_in(shelf, "new.txt", "the endpoint was away")
        times.append(1)
        original()

    monkeypatch.setattr(run, "build_graph", meanwhile)
    assert world.reembed().filled == 17
    assert len(times) == 2, "the gap was seen under the lock"
    each_text_once()
    Asker(world).check("the endpoint was away")


def test_aborting_leaves_everything_as_it_was(world, monkeypatch):
    before = schema()

    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "build_graph", stop)
        with pytest.raises(KeyboardInterrupt):
            world.reembed()
    assert (status().state, status().done, status().chunks) == ("filling", 16, 16)
    assert abort()
    assert schema() == before
    assert not abort()
    world.take_in(world.shelves[0], "after.txt", "taken in after the abort")
    Asker(world).check("taken in after the abort")
    each_text_once()


def test_the_old_table_stays_for_a_day_and_then_goes_with_everything_of_it(world, monkeypatch):
    first = world.reembed()
    assert (first.dropped, status().state) == (False, "switched")
    assert "retrieval_chunk_old" in {name for name, *_ in schema()}
    assert not world.reembed().dropped
    with pytest.raises(ReembeddingRefused, match="has gone over already"):
        abort()
    monkeypatch.setattr(run, "GRACE", run.GRACE * 0)
    assert world.reembed().dropped
    assert not [name for name, *_ in schema() if "_old" in name or "_next" in name or name == "chunk_gone"]
    assert status().state == "none"
    assert world.reembed() == run.Reembedded(filled=0, switched=None, dropped=False)


def test_there_and_back_again_everything_has_the_same_names_and_locks(world):
    before = schema()
    world.reembed(drop=True)
    there = schema()
    back = run.reembed(world.filling(encoder=encoder()), lambda *_: None, drop=True)
    assert back.filled == 16

    def without_space(found, kinds=("p", "r", "i", "I", "S", "policy", "trigger", "function")):
        return [row for row in found if row[1] in kinds]

    assert without_space(schema()) == without_space(there)
    # Indexes of the first partitions are still named after a column that was renamed since.
    named_by_us = ("p", "r", "S", "policy", "trigger", "function")
    assert without_space(there, named_by_us) == without_space(before, named_by_us)
    Asker(world).check_all()
    each_text_once()
