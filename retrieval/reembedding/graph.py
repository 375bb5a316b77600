"""The graph over the new vectors, partition by partition, while everybody reads and writes.

Built at the end: see docs/decisions/0016-re-embedding.md for what filling a graph row by row costs.
"""

from operator import methodcaller
from typing import Any

from psycopg import sql

from retrieval.reembedding.owner import briefly, owner
from retrieval.reembedding.tables import GRAPH, branches, leaves, parent_of

NEXT = "retrieval_chunk_next"
# A graph that does not fit is built many times slower: 250 MB hold some 200,000 chunks of 384 dimensions.
BUILD_MEMORY = "250MB"
STATE = """
select i.indisvalid, exists (select 1 from pg_inherits h where h.inhrelid = i.indexrelid)
  from pg_index i where i.indexrelid = to_regclass({index})
"""


def build_graph() -> None:
    """Index the new vectors; what an earlier attempt finished is kept, what it left half done is made anew."""
    with owner().cursor() as cursor:
        parents = parent_of(cursor, NEXT)
        for name, parent in branches(cursor, NEXT):
            if _state(cursor, index_of(name)) is None:
                creation = _creation(name, "", "only")
                briefly(methodcaller("execute", creation))
            if parent is not None:
                attach(cursor, name, parent)
        cursor.execute(f"set maintenance_work_mem = '{BUILD_MEMORY}'")
        for name in leaves(cursor, NEXT):
            build_leaf(cursor, name)
            attach(cursor, name, parents[name])


def build_leaf(cursor: Any, name: str) -> None:
    found = _state(cursor, index_of(name))
    if found is not None and not found[0]:
        cursor.execute(sql.SQL("drop index concurrently {}").format(sql.Identifier(index_of(name))))
        found = None
    if found is None:
        cursor.execute(_creation(name, "concurrently", ""))


def attach(cursor: Any, name: str, parent: str) -> None:
    found = _state(cursor, index_of(name))
    if found is not None and not found[1]:
        statement = sql.SQL("alter index {} attach partition {}").format(
            sql.Identifier(index_of(parent)), sql.Identifier(index_of(name))
        )
        briefly(methodcaller("execute", statement))


def index_of(table: str) -> str:
    return "chunk_next_embedding" if table == NEXT else f"{table}_embedding_idx"


def _creation(table: str, how: str, reach: str) -> sql.Composed:
    return sql.SQL("create index {} {} on {} {} {}").format(
        sql.SQL(how), sql.Identifier(index_of(table)), sql.SQL(reach), sql.Identifier(table), sql.SQL(GRAPH)
    )


def _state(cursor: Any, index: str) -> tuple[bool, bool] | None:
    """Whether an index is valid, and whether it is part of its parent's; None: it is not there."""
    row = cursor.execute(sql.SQL(STATE).format(index=sql.Literal(index))).fetchone()
    return None if row is None else (row[0], row[1])
