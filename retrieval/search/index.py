"""The index writer: a document's chunks go into the dense, the lexical and the text table together."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from numpy.typing import NDArray

from retrieval.language.analyser import document_terms
from retrieval.models import Document
from retrieval.search.postings import EVERY_CHUNK, postings
from retrieval.search.weighting import document_weights, sparse
from retrieval.values.chunks import NewChunk

CHUNKS_AT_ONCE = 256  # about 1 MB of statement

LOCK_DOCUMENT = "select 1 from retrieval_document where tenant_id = %s and id = %s for update"

DELETE = """
with dense as (delete from retrieval_chunk where tenant_id = %(tenant)s and document_id = %(document)s),
     words as (delete from retrieval_chunk_text where tenant_id = %(tenant)s and document_id = %(document)s)
delete from retrieval_chunk_lexeme where tenant_id = %(tenant)s and document_id = %(document)s returning terms
"""

RESERVE_IDS = "select nextval('retrieval_chunk_id_seq') from generate_series(1, %s)"

INSERT_DENSE = """
insert into retrieval_chunk (id, tenant_id, document_id, embedding)
select id, %s, %s, embedding::halfvec from unnest(%s::bigint[], %s::text[]) as new (id, embedding)
"""

INSERT_LEXICAL = """
insert into retrieval_chunk_lexeme (chunk_id, tenant_id, document_id, terms, weights)
select id, %s, %s, terms::integer[], weights::sparsevec
  from unnest(%s::bigint[], %s::text[], %s::text[]) as new (id, terms, weights)
"""

INSERT_TEXT = """
insert into retrieval_chunk_text
       (chunk_id, tenant_id, document_id, ordinal, body, heading, page, start_char, end_char, digest)
select id, %s, %s, ordinal, body, heading, page, start_char, end_char, digest
  from unnest(%s::bigint[], %s::integer[], %s::text[], %s::text[], %s::integer[], %s::integer[],
              %s::integer[], %s::bytea[])
    as new (id, ordinal, body, heading, page, start_char, end_char, digest)
"""

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

    Writes belong in a `managing` transaction of one document each that ends soon after: until then the
    tenant's other writers wait for its frequencies.
    """

    def replace(
        self, tenant_id: UUID, document_id: UUID, chunks: Sequence[NewChunk], vectors: NDArray[np.float32]
    ) -> None:
        """Put these chunks in the place of the document's, for every kind of search at once.

        vectors: shape (len(chunks), dimensions), L2-normalised.
        Raises Document.DoesNotExist when the tenant has no such document, ValueError for a wrong shape.
        """
        if vectors.ndim != 2 or len(vectors) != len(chunks):
            raise ValueError(f"expected one vector a chunk, {len(chunks)} rows; got shape {vectors.shape}")
        # A heading is found by, too: its words count as the chunk's.
        terms = [document_terms(f"{chunk.heading}\n{chunk.text}") for chunk in chunks]
        with connection.cursor() as cursor:
            _lock(cursor, tenant_id, document_id)
            removed = _delete(cursor, tenant_id, document_id)
            ids = _reserve_ids(cursor, len(chunks))
            for start in range(0, len(chunks), CHUNKS_AT_ONCE):
                some = slice(start, start + CHUNKS_AT_ONCE)
                owner = (tenant_id, document_id)
                _insert(cursor, owner, ids[some], chunks[some], terms[some], vectors[some])
            added = _occurrences([postings(tenant_id, each).values() for each in terms])
            _count(cursor, tenant_id, added=added, removed=removed)

    def remove(self, tenant_id: UUID, document_id: UUID) -> None:
        """Take the document's chunks out of every kind of search; also right before a document is deleted."""
        with connection.cursor() as cursor:
            removed = _delete(cursor, tenant_id, document_id)
            _count(cursor, tenant_id, added=Counter(), removed=removed)


def _lock(cursor: CursorWrapper, tenant_id: UUID, document_id: UUID) -> None:
    cursor.execute(LOCK_DOCUMENT, [tenant_id, document_id])
    if cursor.fetchone() is None:
        raise Document.DoesNotExist(f"Tenant {tenant_id} has no document {document_id}.")


def _delete(cursor: CursorWrapper, tenant_id: UUID, document_id: UUID) -> Counter[int]:
    """Delete the document's rows and say in how many of them each term stood."""
    cursor.execute(DELETE, {"tenant": tenant_id, "document": document_id})
    return _occurrences([terms for (terms,) in cursor.fetchall()])


def _reserve_ids(cursor: CursorWrapper, count: int) -> list[int]:
    cursor.execute(RESERVE_IDS, [count])
    return [number for (number,) in cursor.fetchall()]


def _insert(
    cursor: CursorWrapper,
    owner: tuple[UUID, UUID],
    ids: list[int],
    chunks: Sequence[NewChunk],
    terms: Sequence[dict[int, int]],
    vectors: NDArray[np.float32],
) -> None:
    cursor.execute(INSERT_DENSE, [*owner, ids, [dense_text(vector) for vector in vectors]])
    listed = [_array(postings(owner[0], each).values()) for each in terms]
    weights = [sparse(document_weights(each)) for each in terms]
    cursor.execute(INSERT_LEXICAL, [*owner, ids, listed, weights])
    columns = zip(*map(_text_row, chunks), strict=True)
    cursor.execute(INSERT_TEXT, [*owner, ids, *map(list, columns)])


def _text_row(chunk: NewChunk) -> tuple[object, ...]:
    # PostgreSQL's text holds every character but this one.
    body, heading = chunk.text.replace("\0", " "), chunk.heading.replace("\0", " ")
    digest = hashlib.sha256(body.encode()).digest()
    return chunk.ordinal, body, heading, chunk.page, chunk.start_char, chunk.end_char, digest


def dense_text(vector: NDArray[np.float32]) -> str:
    """pgvector's text form; six digits are more than half precision keeps."""
    # One format for all: formatting number by number takes a noticeable part of a search.
    return f"[{','.join(['%.6g'] * len(vector))}]" % tuple(vector.tolist())


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, sorted(numbers))) + "}"


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
