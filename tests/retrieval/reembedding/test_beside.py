"""The two tables hold the same chunks, whoever writes and deletes at the same time, under the same locks."""

import threading

import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.database import managing, reading
from retrieval.ingestion.erase import erase_document
from retrieval.models import Document
from retrieval.reembedding import fill as filling_module
from retrieval.reembedding.owner import briefly
from retrieval.reembedding.run import begin, without
from retrieval.search.index import PostgresChunkIndex
from retrieval.search.space import space_of
from tests.factories import a_document, a_scope
from tests.retrieval.reembedding.parts import Asker, chunks_of, each_text_once, rows
from tests.retrieval.reembedding.running import ended, started

NEXT = "select id from retrieval_chunk_next order by 1"


@pytest.fixture
def begun(world):
    """Both tables are there, and the new one is empty."""
    briefly(lambda cursor: begin(cursor, space_of(world.remote())))
    return world


def first_document(world) -> Document:
    shelf = world.shelves[0]
    with managing(shelf.tenant_id):
        return Document.objects.filter(collection=shelf).order_by("source_name")[0]


def test_what_is_erased_while_its_text_is_encoded_does_not_come_back(begun):
    document, ids = first_document(begun), chunks_of(first_document(begun))
    remote = begun.remote()

    class Slow:
        name, dimensions, tokens_max = remote.name, remote.dimensions, remote.tokens_max

        def encode(self, texts):
            erase_document(document, PostgresChunkIndex())
            return remote.encode(texts)

    shelf = begun.shelves[0]
    added = filling_module.add(begun.filling(encoder=Slow()), shelf.tenant_id, ids)
    assert added == 0
    assert rows(NEXT) == []


def test_who_deletes_a_chunk_that_is_just_being_added_deletes_it_from_both(begun):
    """The deletion waits for the row, and looks into the second table after that."""
    document, ids = first_document(begun), chunks_of(first_document(begun))
    kept = filling_module.texts_of(document.tenant_id, ids)
    vectors = [each.vector for each in begun.remote().encode([each.body for each in kept])]

    def withdraw() -> None:
        try:
            with managing(document.tenant_id):
                PostgresChunkIndex().withdraw(document.tenant_id, document.version_id)
        finally:
            connection.close()

    deleting = threading.Thread(target=withdraw)
    with managing(document.tenant_id):
        assert filling_module.insert(document.tenant_id, ids, vectors) == len(ids)
        deleting.start()
        while not rows("select 1 from pg_locks where not granted"):
            assert deleting.is_alive()
    deleting.join(timeout=30)

    assert rows(NEXT) == []
    assert chunks_of(document) == []


def test_an_erasure_after_the_switch_leaves_nothing_in_the_old_table_either(world):
    world.reembed()
    document = first_document(world)
    erased = chunks_of(document)
    assert erased
    erase_document(document, PostgresChunkIndex())
    kept = {number for (number,) in rows("select id from retrieval_chunk_old")}
    assert kept.isdisjoint(erased)
    assert len(kept) == 14
    each_text_once()


def test_documents_come_change_and_go_while_another_process_re_embeds(world):
    shelf, other = world.shelves
    process = started(world, "--jobs", "2", "--drop")
    number = 0
    while process.poll() is None:
        world.take_in(shelf, f"more-{number}.txt", f"text {number}\nand more {number}")
        if number % 2:
            world.take_in(shelf, f"more-{number - 1}.txt", f"changed {number}")
        if number % 3 == 2:
            with managing(shelf.tenant_id):
                document = Document.objects.get(source_name=f"more-{number - 2}.txt")
            erase_document(document, PostgresChunkIndex())
        number += 1
    code, _, complained = ended(process)

    assert (code, complained) == (0, "")
    assert number > 2
    each_text_once()
    Asker(world).check_all()
    assert rows("select count(*) from retrieval_chunk where tenant_id = " + f"'{other.tenant_id}'") == [(8,)]


def test_a_table_that_was_filled_twice_holds_each_chunk_once(begun):
    told: list[int] = []
    first = filling_module.fill(begun.filling(jobs=3), told.append)
    shelf = begun.shelves[0]
    again = filling_module.add(begun.filling(), shelf.tenant_id, chunks_of(first_document(begun)))
    assert (first, again, sum(told)) == (16, 0, 16)
    assert rows(NEXT) == rows("select id from retrieval_chunk order by 1")
    assert filling_module.fill(begun.filling(), told.append) == 0


def test_the_new_table_shows_a_tenant_its_own_rows_and_nobody_else_any(begun):
    filling_module.fill(begun.filling(), lambda _: None)
    tenant = begun.shelves[0].tenant
    with reading(a_scope(tenant)), connection.cursor() as cursor:
        assert cursor.execute("select distinct tenant_id from retrieval_chunk_next").fetchall() == [
            (tenant.pk,)
        ]
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select * from retrieval_chunk_next")


def test_no_row_is_written_into_another_tenants_part_of_the_new_table(begun):
    own, foreign = (shelf.tenant for shelf in begun.shelves)
    ids = chunks_of(first_document(begun))
    vectors = [each.vector for each in begun.remote().encode(["text"] * len(ids))]
    assert filling_module.insert(foreign.pk, ids, vectors) == 0
    statement = """insert into retrieval_chunk_next (tenant_id, version_id, embedding)
                   select %s, version_id, %s::halfvec from retrieval_chunk limit 1"""
    with pytest.raises(DatabaseError, match="row-level security"), managing(own.pk):
        connection.cursor().execute(statement, [foreign.pk, str(list(map(float, vectors[0])))])


def test_partitions_of_the_new_table_cannot_be_read_past_their_parents_policy(begun):
    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("select * from retrieval_chunk_next_shared_0")


def test_a_tenants_own_partition_has_its_like_in_the_new_table(world):
    tenant = world.shelves[0].tenant_id
    with connections["owner"].cursor() as cursor:
        cursor.execute("begin")
        cursor.execute(f"delete from retrieval_chunk where tenant_id = '{tenant}'")
        cursor.execute(
            f"create table retrieval_chunk_large partition of retrieval_chunk for values in ('{tenant}')"
        )
        cursor.execute("commit")
    a_document(world.shelves[0], "text of a large tenant")
    world.reembed(drop=True)
    assert rows("select tableoid::regclass::text from retrieval_chunk_large") == [("retrieval_chunk_large",)]
    assert rows("select count(*) from retrieval_chunk") == [(9,)]


def test_the_trigger_goes_with_the_table(begun):
    briefly(lambda cursor: cursor.execute(without("retrieval_chunk_next")))
    document = first_document(begun)
    erase_document(document, PostgresChunkIndex())
    each_text_once()
