"""Fills the new table with what it lacks, some chunks at a time, as the application's role.

What it lacks is asked of the table itself: it is its own checkpoint, and nothing can be done twice or left out.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from accounts.database import database_unit, managing
from accounts.models import Tenant
from retrieval.interfaces import Encoder
from retrieval.reembedding.texts import Contexts, KeptText, embedding_text
from retrieval.search.index import dense_text

CHUNKS_AT_ONCE = 64  # of one batch: half a second of the local encoder
BATCHES_PER_JOB = 8  # that are looked up together

# From the end of the last look on: what was filled already is passed over by both keys side by side.
LACKING = """
select c.id from retrieval_chunk c
 where c.tenant_id = %(tenant)s and c.id > %(after)s
   and not exists (select 1 from retrieval_chunk_next n where n.tenant_id = c.tenant_id and n.id = c.id)
 order by c.id limit %(most)s
"""
TEXTS = """
select t.chunk_id, t.context, t.body, t.heading, v.title
  from retrieval_chunk_text t join retrieval_documentversion v on v.id = t.version_id
 where t.tenant_id = %(tenant)s and t.chunk_id = any(%(ids)s)
"""
# Only what is still there, held until the commit: whoever deletes it waits, and then deletes this row, too.
INSERT = """
with still as materialized (
    select c.id, c.version_id, i.embedding
      from unnest(%(ids)s::bigint[], %(vectors)s::text[]) as i (id, embedding)
      join retrieval_chunk c on c.tenant_id = %(tenant)s and c.id = i.id
     order by c.id for key share of c)
insert into retrieval_chunk_next (id, tenant_id, version_id, embedding)
select id, %(tenant)s, version_id, embedding::halfvec from still
    on conflict do nothing
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What filling takes. jobs: batches that are encoded at once."""

    encoder: Encoder
    contexts: Contexts
    jobs: int = 1


def fill(filling: Filling, told: Callable[[int], None]) -> int:
    """Add every chunk that the new table lacks, tenant by tenant; returns how many.

    told: is called with the number of chunks of each batch. Chunks that come meanwhile from a process which
    does not write both tables may be left out: call it again. Raises EncoderUnavailable.
    """
    total = 0
    with ThreadPoolExecutor(max_workers=filling.jobs, thread_name_prefix="reembed") as pool:
        for tenant_id in Tenant.objects.order_by("pk").values_list("pk", flat=True):
            for batches in lacking(tenant_id, filling.jobs):
                for added in pool.map(partial(add, filling, tenant_id), batches):
                    told(added)
                    total += added
    return total


def lacking(tenant_id: UUID, jobs: int) -> Iterator[list[list[int]]]:
    """Ids of a tenant's chunks that are still to be done, in batches, as many as keep all jobs busy."""
    after = 0
    while True:
        with managing(tenant_id), connection.cursor() as cursor:
            asked: dict[str, Any] = {
                "tenant": tenant_id,
                "after": after,
                "most": CHUNKS_AT_ONCE * BATCHES_PER_JOB * jobs,
            }
            ids = [number for (number,) in cursor.execute(LACKING, asked).fetchall()]
        if not ids:
            return
        yield [ids[start : start + CHUNKS_AT_ONCE] for start in range(0, len(ids), CHUNKS_AT_ONCE)]
        after = ids[-1]


@database_unit
def add(filling: Filling, tenant_id: UUID, ids: Sequence[int]) -> int:
    """Encode some chunks and put them into the new table, unless they are gone meanwhile; returns how many."""
    kept = texts_of(tenant_id, ids)
    if not kept:
        return 0
    connection.close()  # none is held while the encoder is asked
    encodings = filling.encoder.encode([embedding_text(each, filling.contexts) for each in kept])
    return insert(
        tenant_id, [each.chunk_id for each in kept], np.stack([encoding.vector for encoding in encodings])
    )


def texts_of(tenant_id: UUID, ids: Sequence[int]) -> list[KeptText]:
    with managing(tenant_id), connection.cursor() as cursor:
        rows = cursor.execute(TEXTS, {"tenant": tenant_id, "ids": list(ids)}).fetchall()
    return [
        KeptText(chunk_id=number, context=context, body=body, heading=heading, title=title)
        for number, context, body, heading, title in rows
    ]


def insert(tenant_id: UUID, ids: Sequence[int], vectors: np.ndarray) -> int:
    with managing(tenant_id), connection.cursor() as cursor:
        asked: dict[str, Any] = {
            "tenant": tenant_id,
            "ids": list(ids),
            "vectors": [dense_text(vector) for vector in vectors],
        }
        added = cursor.execute(INSERT, asked).rowcount
    return int(added)
