"""Whether the new table may be believed. Read by the owner, who sees every tenant's rows."""

from typing import Any

import numpy as np

from retrieval.errors import ReembeddingRefused
from retrieval.reembedding.fill import Filling
from retrieval.reembedding.owner import application_role, owner
from retrieval.reembedding.tables import policies
from retrieval.reembedding.texts import KeptText, embedding_text

SAMPLE = 200
# Half precision keeps eleven bits; a model's own arithmetic differs from batch to batch by as much again.
TOLERANCE = 2e-3

MISSING = """
select count(*) from retrieval_chunk c
 where not exists (select 1 from retrieval_chunk_next n
                    where n.tenant_id = c.tenant_id and n.id = c.id and n.version_id = c.version_id)
"""
SURPLUS = """
select count(*) from retrieval_chunk_next n
 where not exists (select 1 from retrieval_chunk c
                    where c.tenant_id = n.tenant_id and c.id = n.id and c.version_id = n.version_id)
"""
# Not a number compares as greater than every number.
MALFORMED = (
    "select count(*) from retrieval_chunk_next where l2_norm(embedding) not between 1 - 2e-2 and 1 + 2e-2"
)
WITHOUT_GRAPH = """
select c.relname from pg_partition_tree('retrieval_chunk_next') t join pg_class c on c.oid = t.relid
 where not exists (select 1 from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am a on a.oid = x.relam
                    where i.indrelid = t.relid and a.amname = 'hnsw' and i.indisvalid)
    or exists (select 1 from pg_index i where i.indrelid = t.relid and not i.indisvalid)
"""
LOCKED = """
select relrowsecurity and relforcerowsecurity
       and has_table_privilege(%(role)s, oid, 'select') and has_table_privilege(%(role)s, oid, 'insert')
       and has_table_privilege(%(role)s, oid, 'delete')
  from pg_class where oid = 'retrieval_chunk_next'::regclass
"""
DRAWN = """
select n.id, n.embedding::real[], t.context, t.body, t.heading, v.title
  from (select id, version_id, embedding from retrieval_chunk_next order by random() limit %(sample)s) n
  join retrieval_chunk_text t on t.chunk_id = n.id join retrieval_documentversion v on v.id = n.version_id
"""


def verify(filling: Filling, sample: int = SAMPLE) -> None:
    """Compare the new table with the index, and a sample of its vectors with what the encoder says now.

    Chunks that are missing are no reason to stop: they are filled in before the switch, which counts again.
    Raises ReembeddingRefused, with everything that differs.
    """
    with owner().cursor() as cursor:
        found = [*structure(cursor), *contents(cursor), *unlike(cursor, filling, sample)]
    if found:
        raise ReembeddingRefused(f"The new index was not switched to: {' '.join(found)}")


def structure(cursor: Any) -> list[str]:
    found = []
    if unfinished := [name for (name,) in cursor.execute(WITHOUT_GRAPH).fetchall()]:
        found.append(f"Partitions without a whole index: {', '.join(sorted(unfinished))}.")
    (locked,) = cursor.execute(LOCKED, {"role": application_role()}).fetchone()
    if not locked or policies(cursor, "retrieval_chunk") != policies(cursor, "retrieval_chunk_next"):
        found.append("Its row-level security or its privileges are not those of the index.")
    return found


def contents(cursor: Any) -> list[str]:
    found = []
    if surplus := count(cursor, SURPLUS):
        found.append(f"{surplus} of its chunks are not in the index.")
    if malformed := count(cursor, MALFORMED):
        found.append(f"{malformed} of its vectors have no direction or another length than 1.")
    return found


def unlike(cursor: Any, filling: Filling, sample: int) -> list[str]:
    """Encode some chunks again. Half precision is all that may lie between the two."""
    rows = cursor.execute(DRAWN, {"sample": sample}).fetchall()
    if not rows:
        return []
    kept = [
        KeptText(chunk_id=number, context=context, body=body, heading=heading, title=title)
        for number, _, context, body, heading, title in rows
    ]
    encodings = filling.encoder.encode([embedding_text(each, filling.contexts) for each in kept])
    again = np.stack([encoding.vector for encoding in encodings])
    stored = np.array([vector for _, vector, *_ in rows], dtype=np.float32)
    if stored.shape != again.shape:
        return [f"Its vectors have {stored.shape[1]} dimensions, and the encoder gives {again.shape[1]}."]
    # Written so that what is not a number counts as unlike.
    differing = int((~(np.abs(stored - again).max(axis=1) <= TOLERANCE)).sum())
    return [f"{differing} of {len(rows)} vectors differ when encoded again."] if differing else []


def count(cursor: Any, statement: str) -> int:
    return int(cursor.execute(statement).fetchone()[0])
