"""Senders, workers, sweeps and erasers at one document at once: nobody waits for ever, and one result stands."""

import threading
from collections.abc import Callable

import pytest

from accounts.tenant_keys import cache
from retrieval.ingestion import leases
from retrieval.ingestion.pipeline import ingest
from retrieval.models import Collection, Document
from tests.factories import a_collection, a_tenant, everyone
from tests.retrieval.ingestion.parts import send, some_ingestion, stored, texts_of
from tests.retrieval.ingestion.test_exactly_once import nothing_is_left_over

ROUNDS = 25


@pytest.fixture
def shelf(committed: None, place: object) -> Collection:
    tenant = a_tenant()
    return a_collection(tenant, readers=(everyone(tenant),))


def all_at_once(*works: Callable[[int], object]) -> list[Exception]:
    """Each work as often as there are rounds, in a thread of its own; returns what they raised."""
    from django.db import connection

    raised: list[Exception] = []
    begin = threading.Barrier(len(works))

    def run(work: Callable[[int], object]) -> None:
        begin.wait()
        try:
            for number in range(ROUNDS):
                work(number)
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_senders_workers_and_sweeps_never_wait_for_each_other_in_a_circle(shelf, monkeypatch, settings):
    cache.clear()
    settings.RAGSITE_VERSIONS_KEPT = 0
    document = send(shelf, "the first").document

    def sends(name: str) -> Callable[[int], object]:
        return lambda number: send(shelf, f"{name} {number}")

    def works(number: int) -> object:
        return ingest(shelf.tenant_id, document.pk, some_ingestion())

    raised = all_at_once(
        sends("one"), sends("other"), works, works, lambda number: leases.reap(shelf.tenant_id)
    )
    assert raised == []
    send(shelf, "the last")
    ingest(shelf.tenant_id, document.pk, some_ingestion())

    assert stored(document).status == Document.Status.INDEXED
    assert texts_of(document) == ["the last"]
    nothing_is_left_over(document, ["the last"])
