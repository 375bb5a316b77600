"""Puts the new table in the index's place: one transaction, which readers wait for as long as renaming takes."""

import time
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from retrieval.reembedding.owner import READERS_WAIT_MS, WRITERS_WAIT_MS, application_role, briefly
from retrieval.reembedding.tables import DROP_TRIGGER, FORGET_BESIDE
from retrieval.reembedding.verify import MISSING, SURPLUS, count

NAMES = """
select c.relname, c.relkind in ('i', 'I')
  from (select relid from pg_partition_tree({table})
         union all
        select i.indexrelid from pg_partition_tree({table}) t join pg_index i on i.indrelid = t.relid) r
  join pg_class c on c.oid = r.relid
"""
RECORD = """
update retrieval_embeddingspace e set name = r.name, dimensions = r.dimensions from retrieval_reembedding r;
update retrieval_reembedding set state = 'switched', switched_at = statement_timestamp();
select retrieval_bump_epoch(array(select id from accounts_tenant));
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """waited_ms: for the readers that were there; held_ms: for which new readers waited after that."""

    waited_ms: float
    held_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unequal:
    """Chunks that one of the tables has and the other lacks, at a moment without writers."""

    missing: int
    surplus: int


def switch() -> Switched | Unequal:
    """Make the new table the index, unless the two do not hold the same chunks; then nothing is changed.

    Writers wait while that is counted, about a second for a million chunks. Readers wait for the renaming.
    Raises ReembeddingRefused when the lock is never to be had.
    """
    acquired = 0.0

    def work(cursor: Any) -> Switched | Unequal:
        nonlocal acquired
        cursor.execute("lock table retrieval_chunk in share row exclusive mode")
        unequal = Unequal(missing=count(cursor, MISSING), surplus=count(cursor, SURPLUS))
        if unequal.missing or unequal.surplus:
            return unequal
        record(cursor)
        renaming = renamed(cursor)
        cursor.execute(f"set local lock_timeout = {READERS_WAIT_MS}")
        asked = time.perf_counter()
        cursor.execute("lock table retrieval_chunk, retrieval_chunk_next in access exclusive mode")
        acquired = time.perf_counter()
        cursor.execute(renaming)
        return Switched(waited_ms=(acquired - asked) * 1000, held_ms=0.0)

    ended = briefly(work, WRITERS_WAIT_MS)
    if isinstance(ended, Unequal):
        return ended
    return Switched(waited_ms=ended.waited_ms, held_ms=(time.perf_counter() - acquired) * 1000)


def record(cursor: Any) -> None:
    """Say whose the index is from the commit on, so that caches and counts begin anew."""
    cursor.execute(RECORD)
    cursor.execute(
        sql.SQL("revoke insert, update on retrieval_chunk from {}").format(sql.Identifier(application_role()))
    )
    # What is erased from now on leaves the old table as well.
    cursor.execute(FORGET_BESIDE.format(table="retrieval_chunk_next", beside="retrieval_chunk_old"))


def renamed(cursor: Any) -> sql.Composed:
    """The statements that let the tables, with their partitions and indexes, change names, as one text."""
    statements: list[sql.Composable] = [sql.SQL(DROP_TRIGGER)]
    for table, word, becomes in (
        ("retrieval_chunk", "chunk", "chunk_old"),
        ("retrieval_chunk_next", "chunk_next", "chunk"),
    ):
        for name, is_index in cursor.execute(sql.SQL(NAMES).format(table=sql.Literal(table))).fetchall():
            statements.append(
                sql.SQL("alter {} {} rename to {}").format(
                    sql.SQL("index" if is_index else "table"),
                    sql.Identifier(name),
                    sql.Identifier(name.replace(word, becomes, 1)),
                )
            )
    return sql.SQL(";").join(statements)
