"""What the index writer leaves behind, and what it keeps count of."""

import hashlib
from collections import Counter
from uuid import UUID

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction

from accounts.database import managing
from retrieval.language.analyser import document_terms
from retrieval.models import Chunk, ChunkLexeme, ChunkText, Document, DocumentVersion, LexemeFrequency
from retrieval.search.index import PostgresChunkIndex
from retrieval.search.postings import EVERY_CHUNK, postings
from retrieval.values.chunks import NewChunk
from tests.factories import a_collection, a_document, a_tenant, a_version, fake_vector

pytestmark = pytest.mark.django_db


def chunks_of(*texts: str, heading: str = "") -> list[NewChunk]:
    return [
        NewChunk(ordinal=n, text=text, heading=heading, page=n + 1, start_char=n, end_char=n + len(text))
        for n, text in enumerate(texts)
    ]


def put(document: Document, *texts: str, heading: str = "") -> None:
    vectors = np.stack([fake_vector(text) for text in texts])
    with managing(document.tenant_id):
        a_version(document, chunks_of(*texts, heading=heading), vectors)


def current(document: Document) -> UUID:
    version_id = Document.objects.values_list("version_id", flat=True).get(pk=document.pk)
    assert version_id is not None
    return version_id


def frequencies(tenant) -> dict[int, int]:
    with managing(tenant.pk):
        return dict(LexemeFrequency.objects.filter(tenant_id=tenant.pk).values_list("term", "chunks"))


def counted(tenant, *texts: str) -> dict[int, int]:
    """The frequencies as they should be, counted from the texts."""
    expected = Counter(term for text in texts for term in postings(tenant.pk, document_terms(text)).values())
    return dict(expected) | ({EVERY_CHUNK: len(texts)} if texts else {})


def test_a_chunk_stands_in_all_three_tables_under_one_id():
    tenant = a_tenant()
    document = a_document(a_collection(tenant), "annual leave", "sick pay")
    with managing(tenant.pk):
        ids = [
            set(model.objects.filter(version__document=document).values_list(key, flat=True))
            for model, key in ((Chunk, "id"), (ChunkLexeme, "chunk_id"), (ChunkText, "chunk_id"))
        ]
    assert len(ids[0]) == 2
    assert ids[0] == ids[1] == ids[2]


def test_the_text_is_kept_with_its_place_and_digest():
    document = a_document(a_collection(a_tenant()))
    put(document, "annual leave", heading="HR > Leave")
    with managing(document.tenant_id):
        row = ChunkText.objects.get(version__document=document, version_id=current(document))
    assert (row.body, row.heading, row.page, row.start_char, row.end_char) == (
        "annual leave", "HR > Leave", 1, 0, 12,
    )  # fmt: skip
    assert bytes(row.digest) == hashlib.sha256(b"annual leave").digest()


def test_a_heading_counts_as_the_words_of_its_chunk():
    document = a_document(a_collection(a_tenant()))
    put(document, "ten days", heading="Sabbatical")
    [sabbatical] = postings(document.tenant_id, document_terms("sabbatical")).values()
    with managing(document.tenant_id):
        assert (
            sabbatical
            in ChunkLexeme.objects.get(version__document=document, version_id=current(document)).terms
        )


def test_vectors_come_back_as_they_went_in_to_half_precision():
    document = a_document(a_collection(a_tenant()), "annual leave for everybody")
    with managing(document.tenant_id):
        kept = np.array(Chunk.objects.get(version__document=document, version_id=current(document)).embedding)
    assert np.allclose(kept, fake_vector("annual leave for everybody"), atol=1e-3)


def test_frequencies_follow_what_is_replaced_and_removed():
    tenant = a_tenant()
    collection = a_collection(tenant)
    first = a_document(collection, "annual leave", "leave year")
    second = a_document(collection, "leave and pay pay")
    assert frequencies(tenant) == counted(tenant, "annual leave", "leave year", "leave and pay pay")

    put(first, "sick pay")
    assert frequencies(tenant) == counted(tenant, "sick pay", "leave and pay pay")

    with managing(tenant.pk):
        PostgresChunkIndex().remove(tenant.pk, second.pk)
        PostgresChunkIndex().remove(tenant.pk, second.pk)
    assert frequencies(tenant) == counted(tenant, "sick pay")


def test_the_frequencies_of_one_tenant_ignore_another():
    acme, globex = a_tenant(), a_tenant()
    a_document(a_collection(acme), "annual leave")
    before = frequencies(acme)
    a_document(a_collection(globex), "annual leave")
    assert frequencies(acme) == before


def test_a_document_of_many_chunks_is_written_in_a_few_statements():
    document = a_document(a_collection(a_tenant()))
    statements: list[str] = []

    def watch(execute, sql, *rest):
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        put(document, *(f"chunk number {n}" for n in range(300)))
    # Seven of them make the version and turn the document over to it.
    assert len(statements) <= 20
    with managing(document.tenant_id):
        assert Chunk.objects.filter(version__document=document).count() == 300


def test_a_text_with_a_zero_byte_is_kept_without_it():
    document = a_document(a_collection(a_tenant()))
    put(document, "annual\0leave")
    with managing(document.tenant_id):
        assert (
            ChunkText.objects.get(version__document=document, version_id=current(document)).body
            == "annual leave"
        )


def test_another_tenants_version_does_not_exist():
    document = a_document(a_collection(a_tenant()))
    stranger = a_tenant()
    with managing(stranger.pk), pytest.raises(DocumentVersion.DoesNotExist):
        PostgresChunkIndex().add(
            stranger.pk, document.version_id, chunks_of("leave"), np.stack([fake_vector("leave")])
        )


def test_a_chunk_is_added_once():
    document = a_document(a_collection(a_tenant()), "leave")
    again = (chunks_of("leave"), np.stack([fake_vector("leave")]))
    with managing(document.tenant_id), pytest.raises(IntegrityError), transaction.atomic():
        PostgresChunkIndex().add(document.tenant_id, document.version_id, *again)


def test_what_is_withdrawn_is_found_by_nothing_and_still_says_what_it_said():
    document = a_document(a_collection(a_tenant()), "annual leave", "sick pay")
    with managing(document.tenant_id):
        assert PostgresChunkIndex().withdraw(document.tenant_id, document.version_id, most=1) == 1
        assert PostgresChunkIndex().withdraw(document.tenant_id, document.version_id, most=1) == 1
        assert PostgresChunkIndex().withdraw(document.tenant_id, document.version_id, most=1) == 0
        left = [
            m.objects.filter(version=document.version_id).count() for m in (Chunk, ChunkLexeme, ChunkText)
        ]
    assert left == [0, 0, 2]


def test_as_many_vectors_as_chunks_are_expected():
    document = a_document(a_collection(a_tenant()))
    with managing(document.tenant_id), pytest.raises(ValueError, match="one vector a chunk"):
        PostgresChunkIndex().add(
            document.tenant_id, document.version_id, chunks_of("a", "b"), np.ones((1, 384), np.float32)
        )
