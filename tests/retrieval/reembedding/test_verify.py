"""A new index that is not what it should be is never switched to."""

from dataclasses import replace

import numpy as np
import pytest
from django.db import connections

from retrieval.assembly import contexts, encoder
from retrieval.errors import ReembeddingRefused
from retrieval.interfaces import Encoding
from retrieval.reembedding import run
from retrieval.reembedding.run import status
from retrieval.reembedding.texts import KeptText, embedding_text
from tests.retrieval.reembedding.parts import Asker, each_text_once, lengths, rows

SPOILED = {
    "vectors of something else": (
        "update retrieval_chunk_next set embedding = l2_normalize("
        "(select array_agg(random() - 0.5) from generate_series(1, 16))::real[]::halfvec)",
        "16 of 16 vectors differ when encoded again",
    ),
    "vectors of another length": (
        "update retrieval_chunk_next set embedding = array_fill(1.0::real, array[16])::halfvec",
        "16 of its vectors have no direction or another length than 1",
    ),
    "a chunk too many": (
        "insert into retrieval_chunk_next (tenant_id, version_id, embedding)"
        " select tenant_id, version_id, embedding from retrieval_chunk_next limit 1",
        "1 of its chunks are not in the index",
    ),
    "a chunk of another version": (
        "update retrieval_chunk_next n set version_id = (select version_id from retrieval_chunk c"
        " where c.version_id <> n.version_id limit 1) where id = (select min(id) from retrieval_chunk_next)",
        "1 of its chunks are not in the index",
    ),
    "no graph on one partition": (
        "update pg_index set indisvalid = false"
        " where indexrelid = 'retrieval_chunk_next_shared_3_embedding_idx'::regclass",
        "Partitions without a whole index: retrieval_chunk_next_shared_3",
    ),
    "no row-level security": (
        "alter table retrieval_chunk_next no force row level security",
        "row-level security or its privileges are not those of the index",
    ),
    "another policy": (
        "alter policy inside on retrieval_chunk_next using (true)",
        "row-level security or its privileges are not those of the index",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_failed_verification_says_what_differs_and_changes_nothing(world, monkeypatch, what):
    statement, said = SPOILED[what]
    original = run.build_graph

    def spoil() -> None:
        original()
        if statement.startswith("update pg_index"):
            superuser(statement)
        else:
            with connections["owner"].cursor() as cursor:
                cursor.execute(statement)

    monkeypatch.setattr(run, "build_graph", spoil)
    with pytest.raises(ReembeddingRefused, match=said):
        world.reembed()

    assert (status().state, lengths()) == ("filling", {384})
    Asker(world).check_all()
    each_text_once()
    assert run.abort()


def superuser(statement: str) -> None:
    import psycopg
    from django.conf import settings

    from ragsite.env import secrets

    owner = settings.DATABASES["owner"]
    with psycopg.connect(
        host=owner["HOST"], port=owner["PORT"] or None, user="postgres", password=secrets()["postgres_password"],
        dbname=owner["NAME"], autocommit=True,
    ) as server:  # fmt: skip
        server.execute(statement)


def test_an_encoder_that_says_something_else_the_second_time_is_not_believed(world):
    remote = world.remote()

    class Moody:
        name, dimensions, tokens_max = remote.name, remote.dimensions, remote.tokens_max

        def encode(self, texts):
            return [
                Encoding(vector=np.roll(each.vector, len(world.server.requests)))
                for each in remote.encode(texts)
            ]

    with pytest.raises(ReembeddingRefused, match="differ when encoded again"):
        run.reembed(world.filling(encoder=Moody()), lambda *_: None)
    assert lengths() == {384}


def test_what_is_embedded_again_is_what_was_embedded(world):
    """Re-embedded with the very same encoder under another name, the vectors are the same."""
    local = encoder()

    class Renamed:
        name, dimensions, tokens_max = "the same by another name", local.dimensions, local.tokens_max
        encode = staticmethod(local.encode)

    statement = "select id, embedding::real[] from retrieval_chunk order by 1"
    before = rows(statement)
    run.reembed(world.filling(encoder=Renamed()), lambda *_: None, drop=True)
    after = rows(statement)
    assert [number for number, _ in before] == [number for number, _ in after]
    assert np.allclose([v for _, v in before], [v for _, v in after], atol=2e-3)


def test_the_text_to_embed_is_the_context_and_the_body():
    kept = KeptText(
        chunk_id=1, context="Handbook > Travel\n", body="By train.", heading="Travel", title="Other"
    )
    assert embedding_text(kept, contexts()) == "Handbook > Travel\nBy train."


def test_without_a_kept_context_title_and_headings_come_before_the_body_as_the_splitter_puts_them():
    kept = KeptText(chunk_id=1, context=None, body="By train.", heading="Travel > Train", title="Handbook")
    assert embedding_text(kept, contexts()) == "Handbook > Travel > Train\nBy train."
    said = replace(kept, body="Train\nBy train.")
    assert embedding_text(said, contexts()) == "Handbook > Travel > Train\nBy train."
