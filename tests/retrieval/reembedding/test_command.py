"""What `manage.py reembed` says."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from retrieval.errors import ReembeddingRefused
from retrieval.reembedding.owner import briefly
from retrieval.reembedding.run import begin
from retrieval.search.space import space_of
from tests.retrieval.reembedding.parts import schema


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("reembed", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_next_encoder_it_says_which_setting_is_missing(world):
    before = schema()
    with pytest.raises(CommandError, match="Set RAGSITE_NEXT_ENCODER to 'local' or 'openai'"):
        said()
    assert schema() == before


def test_it_says_how_far_it_is_and_that_it_was_aborted(world):
    assert "16 chunks" in said("--status")
    assert said("--abort") == "There was nothing to abort.\n"
    briefly(lambda cursor: begin(cursor, space_of(world.remote())))
    assert "On its way to 'next-model' with 16 dimensions: 0 of 16 chunks." in said("--status")
    assert json.loads(said("--status", "--json"))["following"] == {"name": "next-model", "dimensions": 16}
    assert said("--abort") == "It is as it was before.\n"
    world.reembed()
    assert "It has gone over; the old one is still there." in said("--status")
    with pytest.raises(CommandError, match="has gone over already"):
        said("--abort")


def test_an_index_that_is_on_its_way_to_another_encoder_is_not_turned(world):
    briefly(lambda cursor: begin(cursor, replace(space_of(world.remote()), name="a third model")))
    with pytest.raises(ReembeddingRefused, match=r"to encoder 'a third model' .* is filling"):
        world.reembed()
