"""The index writer: a version's chunks go into the dense, the lexical and the text table together."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from numpy.typing import NDArray

from retrieval.errors import SpaceMoved
from retrieval.language.analyser import document_terms
from retrieval.models import DocumentVersion
from retrieval.search.postings import EVERY_CHUNK, postings
from retrieval.search.space import written_spaces
from retrieval.search.weighting import document_weights, sparse
from retrieval.values.chunks import NewChunk
from retrieval.values.spaces import Space

Vectors = NDArray[np.float32] | Mapping[Space, NDArray[np.float32]]

REMOVED_AT_ONCE = 5_000  # chunks of one transaction, so that nobody waits long for the frequencies

# Until this transaction ends, the index stays the one it is: a switch to another encoder waits for it, or it
# waits for the switch and then writes into the new one.
LOCK_INDEX = "lock table retrieval_chunk in row exclusive mode"
LOCK_VERSION = "select 1 from retrieval_documentversion where tenant_id = %s and id = %s for key share"

# One array a column. COPY cannot write through row-level security, and a temporary table to copy into would take
# the right to make some: with it a name of ours could be shadowed below the functions that look past policies.
INSERT = """
with incoming as materialized (
    select * from unnest(%(ids)s::bigint[], %(dense)s::text[], %(context)s::text[], %(terms)s::text[],
                         %(weights)s::text[], %(ordinal)s::integer[], %(body)s::text[], %(heading)s::text[],
                         %(page)s::integer[], %(section)s::integer[], %(regions)s::text[],
                         %(start_char)s::integer[], %(end_char)s::integer[], %(digest)s::bytea[])
           as i (id, embedding, context, terms, weights, ordinal, body, heading, page, section, regions,
                 start_char, end_char, digest)),
dense as (
    insert into retrieval_chunk (id, tenant_id, version_id, embedding)
    select id, %(tenant)s, %(version)s, embedding::halfvec from incoming),
words as (
    insert into retrieval_chunk_lexeme (chunk_id, tenant_id, version_id, terms, weights)
    select id, %(tenant)s, %(version)s, terms::integer[], weights::sparsevec from incoming)
insert into retrieval_chunk_text (chunk_id, tenant_id, version_id, ordinal, body, heading, page, section, regions,
                                  start_char, end_char, digest, context)
select id, %(tenant)s, %(version)s, ordinal, body, heading, page, section, regions::jsonb, start_char, end_char,
       digest, context
  from incoming
"""
# Into the index that a re-embedding builds; in the same transaction, so that neither ever has a chunk more.
INSERT_BESIDE = """
insert into retrieval_chunk_next (id, tenant_id, version_id, embedding)
select id, %(tenant)s, %(version)s, embedding::halfvec
  from unnest(%(ids)s::bigint[], %(beside)s::text[]) as i (id, embedding)
"""

RESERVE_IDS = "select nextval('retrieval_chunk_id_seq') from generate_series(1, %s)"

# The lexical rows say which chunks are still searched; they go with the dense ones, or not at all.
WITHDRAW = """
with gone as materialized (
    select chunk_id from retrieval_chunk_lexeme
     where tenant_id = %(tenant)s and version_id = %(version)s limit %(most)s),
dense as (
    delete from retrieval_chunk where tenant_id = %(tenant)s and id = any(array(select chunk_id from gone)))
delete from retrieval_chunk_lexeme where chunk_id = any(array(select chunk_id from gone)) returning terms
"""
FORGET_TEXT = "delete from retrieval_chunk_text where tenant_id = %(tenant)s and version_id = %(version)s"

# In ascending order, so that two ingestions wait for each other and never in a circle.
COUNT = """
insert into retrieval_lexeme_frequency (tenant_id, term, chunks)
select %s, term, change from unnest(%s::integer[], %s::integer[]) as counted (term, change) order by term
    on conflict (tenant_id, term) do update
   set chunks = retrieval_lexeme_frequency.chunks + excluded.chunks
"""
FORGET_UNUSED = (
    "delete from retrieval_lexeme_frequency where tenant_id = %s and term = any(%s) and chunks <= 0"
)


class PostgresChunkIndex:
    """Keeps chunks where `HybridRetriever` looks for them.

    Chunks belong to a version of a document and are found once the document names that version. Writes
    belong in a `managing` transaction that ends soon after: until then the tenant's other writers wait
    for its frequencies.
    """

    def add(self, tenant_id: UUID, version_id: UUID, chunks: Sequence[NewChunk], vectors: Vectors) -> None:
        """Add chunks to a version, for every kind of search at once.

        vectors: shape (len(chunks), dimensions), L2-normalised; by space, or of the index's own. Those of an
        index that is being built beside this one go there.
        Raises DocumentVersion.DoesNotExist when the tenant has no such version, ValueError for a wrong
        shape, IntegrityError for an ordinal that is there already, SpaceMoved.
        """
        # A heading is found by, too: its words count as the chunk's.
        terms = [document_terms(f"{chunk.heading}\n{chunk.text}") for chunk in chunks]
        listed = [sorted(postings(tenant_id, each).values()) for each in terms]
        with connection.cursor() as cursor:
            cursor.execute(LOCK_INDEX)
            own, beside = _to_be_written(cursor, vectors)
            _check_shape(own, chunks)
            _lock(cursor, tenant_id, version_id)
            ids = _reserve_ids(cursor, len(chunks))
            rows: dict[str, Any] = {"tenant": tenant_id, "version": version_id, "ids": ids}
            columns = _columns(chunks) | {
                "dense": [dense_text(vector) for vector in own],
                "terms": [_array(each) for each in listed],
                "weights": [sparse(document_weights(each)) for each in terms],
            }
            if chunks:
                cursor.execute(INSERT, rows | columns)
            if chunks and beside is not None:
                cursor.execute(INSERT_BESIDE, rows | {"beside": [dense_text(vector) for vector in beside]})
            _count(cursor, tenant_id, added=_occurrences(listed), removed=Counter())

    def withdraw(self, tenant_id: UUID, version_id: UUID, most: int = REMOVED_AT_ONCE) -> int:
        """Take at most `most` chunks of a version out of every kind of search; returns how many went.

        Their text stays, for citations of this version; `forget_text` deletes it.
        """
        with connection.cursor() as cursor:
            cursor.execute(WITHDRAW, {"tenant": tenant_id, "version": version_id, "most": most})
            removed = [terms for (terms,) in cursor.fetchall()]
            if removed:
                _count(cursor, tenant_id, added=Counter(), removed=_occurrences(removed))
        return len(removed)

    def forget_text(self, tenant_id: UUID, version_id: UUID) -> None:
        """Delete what a version says."""
        with connection.cursor() as cursor:
            cursor.execute(FORGET_TEXT, {"tenant": tenant_id, "version": version_id})

    def remove(self, tenant_id: UUID, document_id: UUID) -> None:
        """Take every version of a document out of search, and its text; also right before it is deleted."""
        versions = DocumentVersion.objects.filter(tenant_id=tenant_id, document_id=document_id)
        for version_id in versions.values_list("pk", flat=True):
            while self.withdraw(tenant_id, version_id) == REMOVED_AT_ONCE:
                pass
            self.forget_text(tenant_id, version_id)


def _to_be_written(
    cursor: CursorWrapper, vectors: Vectors
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The vectors of the index, and of the one beside it; None: there is none, or it is filled by others."""
    if not isinstance(vectors, Mapping):
        return vectors, None
    own, beside = written_spaces(cursor)
    if own is None or own not in vectors:
        raise SpaceMoved("The index has gone over to another encoder; what was embedded is embedded again.")
    return vectors[own], vectors.get(beside) if beside else None


def _check_shape(vectors: NDArray[np.float32], chunks: Sequence[NewChunk]) -> None:
    if vectors.ndim != 2 or len(vectors) != len(chunks):
        raise ValueError(f"expected one vector a chunk, {len(chunks)} rows; got shape {vectors.shape}")


def _lock(cursor: CursorWrapper, tenant_id: UUID, version_id: UUID) -> None:
    cursor.execute(LOCK_VERSION, [tenant_id, version_id])
    if cursor.fetchone() is None:
        raise DocumentVersion.DoesNotExist(f"Tenant {tenant_id} has no version {version_id}.")


def _reserve_ids(cursor: CursorWrapper, count: int) -> list[int]:
    cursor.execute(RESERVE_IDS, [count])
    return [number for (number,) in cursor.fetchall()]


def _columns(chunks: Sequence[NewChunk]) -> dict[str, list[Any]]:
    """The columns of the text table. PostgreSQL's text holds every character but the zero byte."""
    bodies = [chunk.text.replace("\0", " ") for chunk in chunks]
    return {
        "context": [_context(chunk) for chunk in chunks],
        "ordinal": [chunk.ordinal for chunk in chunks],
        "body": bodies,
        "heading": [chunk.heading.replace("\0", " ") for chunk in chunks],
        "page": [chunk.page for chunk in chunks],
        "section": [chunk.section for chunk in chunks],
        "regions": [json.dumps(chunk.regions) if chunk.regions else None for chunk in chunks],
        "start_char": [chunk.start_char for chunk in chunks],
        "end_char": [chunk.end_char for chunk in chunks],
        "digest": [hashlib.sha256(body.encode()).digest() for body in bodies],
    }


def _context(chunk: NewChunk) -> str | None:
    return None if chunk.context is None else chunk.context.replace("\0", " ")


def dense_text(vector: NDArray[np.float32]) -> str:
    """pgvector's text form; six digits are more than half precision keeps."""
    # One format for all: formatting number by number takes a noticeable part of a search.
    return f"[{','.join(['%.6g'] * len(vector))}]" % tuple(vector.tolist())


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _occurrences(terms: Sequence[Collection[int]]) -> Counter[int]:
    """In how many chunks each term stands, and under EVERY_CHUNK how many chunks there are."""
    counted = Counter(term for each in terms for term in set(each))
    counted[EVERY_CHUNK] = len(terms)
    return counted


def _count(cursor: CursorWrapper, tenant_id: UUID, *, added: Counter[int], removed: Counter[int]) -> None:
    changes = {term: change for term in added | removed if (change := added[term] - removed[term])}
    if not changes:
        return
    terms = sorted(changes)
    cursor.execute(COUNT, [tenant_id, terms, [changes[term] for term in terms]])
    if gone := [term for term in terms if changes[term] < 0]:
        cursor.execute(FORGET_UNUSED, [tenant_id, gone])
