"""A worker killed at any point, and the next one: one document, each chunk once, nothing left over."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.db import connection
from django.db.models.functions import Now

from accounts.database import managing
from accounts.tenant_keys import cache
from retrieval.ingestion import leases, sweep, vault
from retrieval.ingestion.pipeline import ingest
from retrieval.models import Chunk, ChunkLexeme, ChunkText, Collection, Document, Ingestion, LexemeFrequency
from retrieval.search.index import PostgresChunkIndex
from retrieval.search.postings import EVERY_CHUNK
from tests.factories import a_collection, a_tenant, everyone
from tests.retrieval.ingestion.dying_worker import POINTS
from tests.retrieval.ingestion.parts import send, some_ingestion, stored, texts_of

LINES = [f"line {n}" for n in range(150)]  # three batches
LARGE, SMALL = "\f", "\n"  # what divides them: into blocks, with checkpoints, or into lines of one


@pytest.fixture
def shelf(committed, place) -> Collection:
    tenant = a_tenant()
    return a_collection(tenant, readers=(everyone(tenant),))


def die(point: str, document: Document) -> int:
    """Run a worker that dies there; returns what ended it."""
    connection.close()
    database = project.DATABASES["default"]["NAME"]
    arguments = [point, database, project.MEDIA_ROOT, project.RAGSITE_HOME, document.tenant_id, document.pk]
    program = [sys.executable, "-m", "tests.retrieval.ingestion.dying_worker", *map(str, arguments)]
    return subprocess.run(program, env=os.environ.copy(), timeout=120, check=False).returncode


def time_passes(document: Document) -> None:
    """As long as it takes until the lease of the dead has run out, and the reaper came."""
    with managing(document.tenant_id):
        Ingestion.objects.filter(document=document, lease_until__isnull=False).update(
            lease_until=Now() - timedelta(seconds=1)
        )
    leases.reap(document.tenant_id)


def nothing_is_left_over(document: Document, expected: list[str]) -> None:
    document = stored(document)
    assert texts_of(document) == expected
    with managing(document.tenant_id):
        chunks = Chunk.objects.filter(tenant_id=document.tenant_id)
        assert chunks.count() == len(expected)
        assert set(chunks.values_list("version_id", flat=True)) == {document.version_id}
        searched = set(ChunkLexeme.objects.filter(tenant_id=document.tenant_id).values_list("pk", flat=True))
        assert set(chunks.values_list("pk", flat=True)) == searched
        assert LexemeFrequency.objects.get(tenant_id=document.tenant_id, term=EVERY_CHUNK).chunks == len(
            expected
        )
        assert not Ingestion.objects.filter(state__in=Ingestion.MOVING).exists()
        of_versions = ChunkText.objects.filter(tenant_id=document.tenant_id).values_list(
            "version_id", flat=True
        )
        assert set(of_versions) <= set(document.versions.values_list("pk", flat=True))
        named = set(document.versions.values_list("stored_name", flat=True))
    assert {name for name, _ in vault.names(document.tenant_id)} == named


@pytest.mark.parametrize("division", [LARGE, SMALL], ids=["large", "small"])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_workers_document_is_taken_in_once(shelf, monkeypatch, point, division):
    """The old version is read until the new one is whole, wherever its worker died."""
    cache.clear()
    document = send(shelf, "the old version").document
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    send(shelf, division.join(LINES))
    ended_by = die(point, document)

    assert ended_by == -signal.SIGKILL
    whole = point in ("before the older version is tidied away", "after all")
    assert texts_of(document) == (LINES if whole else ["the old version"])

    time_passes(document)
    ended = ingest(shelf.tenant_id, document.pk, some_ingestion())
    assert (ended is None) == whole
    monkeypatch.setattr(sweep, "STRAY_AFTER", timedelta(seconds=-1))
    sweep.tidy_all(shelf.tenant_id, PostgresChunkIndex())
    sweep.delete_stray_files(shelf.tenant_id, lambda tenant_id: set())
    nothing_is_left_over(document, LINES)
