"""Leases: one worker a version, renewed by progress, taken back when it stops, and worthless afterwards."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.database import managing
from accounts.models import Tenant
from retrieval import tasks
from retrieval.ingestion import leases
from retrieval.ingestion.leases import Lease, LeaseLost, Suspended
from retrieval.ingestion.pipeline import ingest
from retrieval.ingestion.sweep import put_back_in_line
from retrieval.models import Document, Ingestion
from tests.retrieval.ingestion.parts import WordEncoder, send, some_ingestion, stored, texts_of, work_on

State = Ingestion.State


def taken(shelf, name: str = "notes.txt") -> Lease:
    lease = leases.take(shelf.tenant_id, send(shelf, "text", name).document.pk)
    assert lease is not None
    return lease


def run_out(lease: Lease) -> None:
    """What the clock would do to a lease that nobody renews."""
    with managing(lease.tenant_id):
        Ingestion.objects.filter(pk=lease.version_id).update(lease_until=Now() - timedelta(seconds=1))


def state_of(lease: Lease) -> str:
    with managing(lease.tenant_id):
        return Ingestion.objects.values_list("state", flat=True).get(pk=lease.version_id)


def test_a_version_is_leased_to_one(shelf):
    lease = taken(shelf)

    assert leases.take(shelf.tenant_id, lease.document_id) is None


def test_a_lease_that_ran_out_is_another_workers(shelf):
    lost = taken(shelf)
    run_out(lost)
    found = leases.take(shelf.tenant_id, lost.document_id)

    assert found is not None
    assert found.token != lost.token


@pytest.mark.parametrize(
    "write",
    [
        lambda lease: leases.move(lease, State.PARSING),
        lambda lease: leases.renew(lease),
        lambda lease: leases.settle(lease, State.FAILED, "too late"),
        lambda lease: leases.postpone(lease, "too late"),
    ],
    ids=["move", "renew", "settle", "postpone"],
)
def test_who_lost_the_lease_writes_nothing_more(shelf, write):
    lost = taken(shelf)
    run_out(lost)
    found = leases.take(shelf.tenant_id, lost.document_id)
    assert found is not None
    with pytest.raises(LeaseLost):
        write(lost)

    assert state_of(found) == State.SCANNING
    leases.move(found, State.PARSING)  # the one who has it is not disturbed


def test_progress_renews_a_lease_and_forgets_earlier_failures(shelf):
    lease = taken(shelf)
    with managing(lease.tenant_id):
        Ingestion.objects.filter(pk=lease.version_id).update(
            lease_until=Now() + timedelta(seconds=1), attempts=4
        )
    leases.renew(lease)
    work = work_on(stored_document(lease))

    assert work.attempts == 0
    assert work.lease_until - work.progressed_at > leases.LEASE - timedelta(seconds=1)


def stored_document(lease: Lease) -> Document:
    with managing(lease.tenant_id):
        return Document.objects.get(pk=lease.document_id)


def test_the_reaper_returns_what_nobody_works_on_and_leaves_the_rest(shelf):
    dead, alive = taken(shelf, "dead.txt"), taken(shelf, "alive.txt")
    run_out(dead)

    assert leases.reap(shelf.tenant_id) == [dead.document_id]
    assert (state_of(dead), state_of(alive)) == (State.RECEIVED, State.SCANNING)
    assert stored_document(dead).status == Document.Status.RECEIVED


def test_what_stops_its_worker_every_time_is_given_up_with_a_sentence(shelf):
    document = send(shelf, "text").document
    for _ in range(leases.ATTEMPTS_MAX):
        lease = leases.take(shelf.tenant_id, document.pk)
        assert lease is not None
        run_out(lease)
        leases.reap(shelf.tenant_id)

    assert leases.take(shelf.tenant_id, document.pk) is None
    assert leases.reap(shelf.tenant_id) == []
    assert stored(document).status == Document.Status.FAILED
    assert stored(document).status_reason.startswith("Its worker stopped 6 times")


def test_what_goes_on_is_never_given_up_however_often_it_is_interrupted(shelf):
    document = send(shelf, "\f".join(f"page {n}" for n in range(64 * 9))).document

    class OneBatchALife(WordEncoder):
        def encode(self, texts):
            if self.encoded:
                raise SystemExit
            return super().encode(texts)

    # Eight deaths, more than a version without progress is allowed.
    for _ in range(8):
        with pytest.raises(SystemExit):
            ingest(shelf.tenant_id, document.pk, some_ingestion(encoder=OneBatchALife()))
        with managing(shelf.tenant_id):
            Ingestion.objects.filter(document=document).update(lease_until=Now() - timedelta(seconds=1))
        leases.reap(shelf.tenant_id)
    ended = ingest(shelf.tenant_id, document.pk, some_ingestion())

    assert ended is not None
    assert len(texts_of(document)) == 64 * 9


def test_a_moving_state_without_a_lease_is_refused_by_the_database(shelf):
    document = send(shelf, "text").document
    with managing(shelf.tenant_id), pytest.raises(IntegrityError), transaction.atomic():
        Ingestion.objects.filter(document=document).update(state=State.PARSING)


def test_a_lease_on_what_rests_is_refused_by_the_database(shelf):
    lease = taken(shelf)
    with managing(shelf.tenant_id), pytest.raises(IntegrityError), transaction.atomic():
        Ingestion.objects.filter(pk=lease.version_id).update(state=State.INDEXED)


def test_a_suspended_tenants_document_waits_and_is_not_counted_as_failed(shelf):
    lease = taken(shelf)
    Tenant.objects.filter(pk=shelf.tenant_id).update(state=Tenant.State.SUSPENDED)
    with pytest.raises(Suspended):
        leases.move(lease, State.PARSING)
    leases.put_back(lease)

    assert leases.take(shelf.tenant_id, lease.document_id) is None
    Tenant.objects.filter(pk=shelf.tenant_id).update(state=Tenant.State.ACTIVE)
    assert leases.take(shelf.tenant_id, lease.document_id) is not None


def long_unheard_of(document: Document) -> None:
    with managing(document.tenant_id):
        Ingestion.objects.filter(document=document).update(queued_at=Now() - timedelta(minutes=5))


def test_the_sweep_puts_back_in_line_what_nobody_works_on(shelf, monkeypatch):
    told: list = []
    monkeypatch.setattr(tasks, "dispatch_ingestion", lambda *ids: told.append(ids))
    lost, fresh = (send(shelf, "text", f"{n}.txt").document for n in range(2))
    long_unheard_of(lost)
    dead = taken(shelf, "dead.txt")
    run_out(dead)

    assert tasks.sweep_documents() == 2
    assert set(told) == {(shelf.tenant_id, lost.pk), (shelf.tenant_id, dead.document_id)}
    assert stored(fresh).status == Document.Status.RECEIVED


def test_the_sweep_sends_for_nothing_twice_in_a_row(shelf):
    lost = send(shelf, "text").document
    long_unheard_of(lost)
    told: list = []

    assert put_back_in_line(lambda *ids: told.append(ids)) == 1
    assert put_back_in_line(lambda *ids: told.append(ids)) == 0


def test_a_sweep_with_nothing_to_do_asks_once(shelf, django_assert_num_queries):
    send(shelf, "text")
    with django_assert_num_queries(1):
        put_back_in_line(lambda *ids: None)


def test_what_waits_for_its_next_try_is_left_alone_until_then(shelf):
    lease = taken(shelf)
    leases.postpone(lease, "The scanner cannot be reached.")

    assert put_back_in_line(lambda *ids: None) == 0
    with managing(shelf.tenant_id):
        Ingestion.objects.filter(pk=lease.version_id).update(next_try_at=Now() - timedelta(seconds=1))
    assert put_back_in_line(lambda *ids: None) == 1
