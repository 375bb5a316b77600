"""A real worker behind a real queue: killed, hung and cut off, its documents are taken in once all the same."""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
import redis
from django.conf import settings as project
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models.functions import Now
from psycopg import sql

from accounts.database import managing
from accounts.tenant_keys import cache
from ragsite.celery import app
from retrieval import tasks
from retrieval.ingestion.receive import Dispatch, Upload, receive
from retrieval.ingestion.sweep import put_back_in_line
from retrieval.models import Collection, Document, Ingestion
from tests.factories import a_collection, a_tenant, everyone
from tests.retrieval.ingestion.parts import stored, texts_of, work_on
from tests.retrieval.ingestion.test_exactly_once import nothing_is_left_over
from tests.support.databases import maintenance
from tests.support.waiting import eventually

LINES = [f"line {n}" for n in range(150)]


@pytest.fixture
def queue() -> Iterator[str]:
    """A queue that no other test's worker listens to."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    with app.connection() as broker:
        broker.default_channel.queue_delete(name)


@pytest.fixture
def shelf(committed: None, place: object) -> Collection:
    tenant = a_tenant()
    return a_collection(tenant, readers=(everyone(tenant),))


@contextlib.contextmanager
def worker(queue: str, *, stop_after: int = 0) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = [
        queue,
        project.DATABASES["default"]["NAME"],
        project.MEDIA_ROOT,
        project.RAGSITE_HOME,
        stop_after,
    ]
    program = [sys.executable, "-m", "tests.retrieval.ingestion.celery_worker", *map(str, arguments)]
    running = subprocess.Popen(program, env=os.environ.copy(), start_new_session=True)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def dispatch_to(queue: str) -> Dispatch:
    return lambda *ids: tasks.ingest_document.apply_async(tuple(map(str, ids)), queue=queue)


def sent(shelf: Collection, queue: str, division: str) -> Document:
    cache.clear()
    content = ContentFile(division.join(LINES).encode(), name="a.txt")
    upload = Upload(name="a.txt", content=content)
    document = receive(shelf, upload, dispatch_to(queue), 1_000_000).document
    connection.close()
    return document


def reached(document: Document, chunks: int) -> Callable[[], bool]:
    return lambda: work_on(document).chunks_done >= chunks


def indexed(document: Document) -> Callable[[], bool]:
    return lambda: stored(document).status == Document.Status.INDEXED


def time_passes(document: Document, queue: str) -> None:
    """The lease of the lost worker runs out, and the next sweep comes by."""
    with managing(document.tenant_id):
        Ingestion.objects.filter(document=document, lease_until__isnull=False).update(
            lease_until=Now() - timedelta(seconds=1)
        )
        Ingestion.objects.filter(document=document).update(queued_at=None)
    put_back_in_line(dispatch_to(queue))


@pytest.mark.parametrize("division", ["\f", "\n"], ids=["large", "small"])
def test_a_killed_workers_document_is_the_next_workers(shelf, queue, division):
    document = sent(shelf, queue, division)
    with worker(queue, stop_after=64):
        eventually(reached(document, 64))
    with worker(queue):
        time_passes(document, queue)
        eventually(indexed(document))

    nothing_is_left_over(document, LINES)


def test_a_worker_that_hangs_loses_its_document_and_writes_nothing_more(shelf, queue):
    document = sent(shelf, queue, "\f")
    with worker(queue, stop_after=64):
        eventually(reached(document, 64))
        with worker(queue):
            time_passes(document, queue)
            eventually(indexed(document))
            assert texts_of(document) == LINES


def test_an_emptied_queue_loses_no_document(shelf, queue):
    document = sent(shelf, queue, "\n")
    redis.Redis.from_url(app.conf.broker_url.replace("redis+socket://", "unix://")).delete(queue)
    with worker(queue):
        time_passes(document, queue)
        eventually(indexed(document))

    nothing_is_left_over(document, LINES)


def test_connections_cut_by_the_database_lose_no_document(shelf, queue):
    document = sent(shelf, queue, "\f")
    with worker(queue, stop_after=64):
        eventually(reached(document, 64))
        cut_connections()
    with worker(queue):
        time_passes(document, queue)
        eventually(indexed(document))

    nothing_is_left_over(document, LINES)


def cut_connections() -> None:
    """What a restart of PostgreSQL is to whoever is connected to this database."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    with maintenance() as server, contextlib.suppress(psycopg.OperationalError):
        server.execute(
            sql.SQL("select pg_terminate_backend(pid) from pg_stat_activity where datname = {}").format(
                sql.Literal(project.DATABASES["default"]["NAME"])
            )
        )
