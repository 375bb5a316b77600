"""Progress: figures that hold, one query, and nothing where nothing is known."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.database import managing
from retrieval.ingestion import leases, wording
from retrieval.ingestion.pipeline import ingest
from retrieval.ingestion.progress import (
    BatchProgress,
    Progress,
    batches_among,
    measured,
    progress_among,
    progress_of,
    summed_up,
    unfinished_batches,
)
from retrieval.ingestion.receive import DEAD, put_in_line, read_anew, try_again
from retrieval.models import Document, DocumentVersion, Ingestion
from tests.factories import a_collection, a_tenant
from tests.retrieval.ingestion.parts import WordEncoder, send, some_ingestion, stored, work_on

State = Ingestion.State
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAGES = 64 * 4  # four batches

moments = st.one_of(st.none(), st.integers(-10_000, 10_000).map(lambda s: NOON + timedelta(seconds=s / 7)))
counts = st.integers(0, 3_000)


@st.composite
def rows(draw) -> Ingestion:
    """Any row at all, also one that no healthy worker would leave behind."""
    return Ingestion(
        version=DocumentVersion(number=draw(st.integers(1, 9)), chunk_count=draw(counts)),
        state=draw(st.sampled_from(State)),
        attempts=draw(st.integers(0, 9)),
        next_try_at=draw(moments.filter(bool)),
        lease_until=draw(moments),
        pieces_name=draw(st.sampled_from(["", "kept"])),
        chunks_done=draw(counts),
        chunks_total=draw(st.one_of(st.none(), counts)),
        chunks_before=draw(counts),
        pages_done=draw(counts),
        embedding_at=draw(moments),
        progressed_at=draw(moments),
    )


@given(rows(), st.booleans())
def test_no_figure_is_negative_and_nothing_is_whole_before_it_is(work, erasing):
    progress = measured(work, now=NOON, erasing=erasing)

    assert progress.fraction is None or 0 <= progress.fraction <= 1
    assert (progress.fraction == 1) == (progress.state is State.INDEXED)
    assert progress.rate is None or progress.rate > 0
    assert progress.seconds_left is None or progress.seconds_left >= 0
    assert progress.chunks_total is None or 0 <= progress.chunks_done <= progress.chunks_total


@given(rows())
def test_there_is_a_rate_only_while_a_worker_embeds(work):
    progress = measured(work, now=NOON)

    if progress.state is not State.EMBEDDING or not work.lease_until or work.lease_until <= NOON:
        assert (progress.rate, progress.seconds_left) == (None, None)


@given(rows())
def test_before_its_pieces_are_counted_a_document_has_a_stage_and_no_figure(work):
    work.pieces_name = ""
    progress = measured(work, now=NOON)

    if progress.state not in (State.EMBEDDING, State.INDEXED):
        assert (progress.chunks_done, progress.chunks_total, progress.fraction) == (0, None, None)


@st.composite
def batch_rows(draw) -> tuple[Any, ...]:
    done, failed, replaced, left = (draw(st.integers(0, 50)) for _ in range(4))
    chunks = draw(counts)
    known = draw(st.booleans())
    return (
        uuid.uuid4(), done + failed + replaced + left, done, failed, replaced, draw(st.integers(0, left)), chunks,
        draw(st.one_of(st.none(), counts)), known, draw(st.one_of(st.none(), st.floats(0, 1e6))), None, NOON,
    )  # fmt: skip


@given(batch_rows())
def test_a_batch_says_nothing_negative_and_is_whole_at_its_end_only(row):
    batch = summed_up(row)

    assert 0 <= batch.fraction <= 1
    assert (batch.fraction == 1) == (batch.open == 0)
    assert batch.rate is None or batch.rate > 0
    assert batch.seconds_left is None or (batch.seconds_left >= 0 and batch.moving and not batch.resting)
    assert (batch.ended_at is not None) == batch.resting
    assert "None" not in batch.words
    assert "-" not in batch.words


@given(st.floats(0, 1e9))
def test_every_time_left_can_be_said(seconds):
    assert wording.left(seconds).endswith(" left")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "a few seconds"), (9.9, "a few seconds"), (17, "about 20 seconds"), (55, "about 55 seconds"),
     (56, "about a minute"), (150, "about 2 minutes"), (3599, "about an hour"), (7000, "about 2 hours"),
     (86400 * 3, "about 3 days")],
    ids=str,
)  # fmt: skip
def test_times_are_rounded_as_people_say_them(seconds, said):
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [(None, ""), (1234.5, "1,234 a second"), (40.4, "40 a second"), (2.34, "2.3 a second"), (0.5, "30 a minute"),
     (0.001, "less than one a minute")],
    ids=str,
)  # fmt: skip
def test_rates_are_said_in_the_unit_that_fits(rate, said):
    assert wording.rate(rate) == said


def a_row(**changes: Any) -> Progress:
    fields: dict[str, Any] = {
        "version": DocumentVersion(number=1), "state": State.EMBEDDING, "lease_until": NOON + timedelta(seconds=60),
        "pieces_name": "kept", "chunks_done": 120, "chunks_total": 800, "chunks_before": 20, "attempts": 0,
        "embedding_at": NOON - timedelta(seconds=3.5), "progressed_at": NOON - timedelta(seconds=1),
    }  # fmt: skip
    return measured(Ingestion(**(fields | changes)), now=NOON)


def test_a_document_on_its_way_is_told_in_one_sentence():
    assert a_row().words == "120 of 800 passages, 40 a second, about 20 seconds left"
    assert a_row(chunks_before=120).words == "120 of 800 passages"
    assert a_row(state=State.PARSING, pages_done=12).words == "12 pages read"
    assert a_row(state=State.RECEIVED, lease_until=None, next_try_at=NOON + timedelta(seconds=17)).words == (
        "next try in about 20 seconds"
    )


# --- As the database has it ------------------------------------------------------------------------


class Interrupted(WordEncoder):
    """Dies after some batches, as a worker does whose machine is switched off."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def encode(self, texts):
        if not self.left:
            raise SystemExit
        self.left -= 1
        return super().encode(texts)


def half_done(shelf, batches: int = 2, name: str = "notes.txt") -> Document:
    document = send(shelf, "\f".join(f"page {n}" for n in range(PAGES)), name).document
    with pytest.raises(SystemExit):
        ingest(shelf.tenant_id, document.pk, some_ingestion(encoder=Interrupted(batches)))
    return document


def begun_ten_seconds_ago(document: Document) -> None:
    with managing(document.tenant_id):
        Ingestion.objects.filter(document=document).update(
            embedding_at=F("progressed_at") - timedelta(seconds=10),
            started_at=F("progressed_at") - timedelta(seconds=16),
        )


def known(document: Document) -> Progress:
    progress = progress_of(stored(document))
    assert progress is not None
    return progress


def test_a_document_that_is_embedded_has_its_rate_and_the_time_left(shelf):
    document = half_done(shelf)
    begun_ten_seconds_ago(document)
    progress = known(document)

    assert (progress.state, progress.moving) == (State.EMBEDDING, True)
    assert (progress.chunks_done, progress.chunks_total, progress.fraction) == (128, 256, 0.5)
    assert progress.rate == pytest.approx(12.8)
    assert progress.seconds_left == pytest.approx(10)


def test_a_worker_that_is_gone_brings_nothing_further(shelf):
    document = half_done(shelf)
    begun_ten_seconds_ago(document)
    with managing(shelf.tenant_id):
        Ingestion.objects.filter(document=document).update(lease_until=Now() - timedelta(seconds=1))
    progress = known(document)

    assert not progress.moving
    assert (progress.rate, progress.seconds_left, progress.fraction) == (None, None, 0.5)


def test_what_goes_on_is_measured_from_where_it_goes_on(shelf):
    document = half_done(shelf)
    begun_ten_seconds_ago(document)
    with managing(shelf.tenant_id):
        Ingestion.objects.filter(document=document).update(lease_until=Now() - timedelta(seconds=1))
    leases.reap(shelf.tenant_id)
    seen: list[Progress] = []

    class Watching(WordEncoder):
        def encode(self, texts):
            seen.append(known(document))
            return super().encode(texts)

    ingest(shelf.tenant_id, document.pk, some_ingestion(encoder=Watching()))

    assert [each.state for each in seen] == [State.EMBEDDING, State.EMBEDDING]
    # The first 128 are another worker's: no rate is made of them.
    assert (seen[0].chunks_done, seen[0].rate) == (128, None)
    assert seen[1].rate is not None
    assert known(document).fraction == 1


def test_the_newest_version_is_told_and_many_documents_take_one_query(shelf):
    documents = [send(shelf, "text", f"{n}.txt").document for n in range(5)]
    ingest(shelf.tenant_id, documents[0].pk, some_ingestion())
    send(shelf, "changed", "0.txt")
    with managing(shelf.tenant_id), CaptureQueriesContext(connection) as queries:
        progress = progress_among(shelf.tenant_id, {document.pk for document in documents})

    assert sum("retrieval_ingestion" in query["sql"] for query in queries.captured_queries) == 1
    assert progress.keys() == {document.pk for document in documents}
    assert (progress[documents[0].pk].version, progress[documents[0].pk].state) == (2, State.RECEIVED)


def test_another_tenants_documents_and_batches_have_no_progress_here(shelf):
    document, batch = half_done(shelf), in_one_batch(shelf.tenant_id)
    other = a_tenant()

    assert progress_among(other.pk, [document.pk]) == {}
    assert batches_among(other.pk, [batch]) == {}
    assert unfinished_batches(other.pk, 5) == []


def test_an_erased_document_is_said_to_be_erased(shelf):
    document = send(shelf, "text").document
    with managing(shelf.tenant_id):
        Document.objects.filter(pk=document.pk).update(status=Document.Status.ERASING)

    assert known(document).state is State.ERASING


def test_what_waits_for_another_try_says_when_and_which(shelf):
    document = send(shelf, "UNREACHABLE").document
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    progress = known(document)

    assert (progress.state, progress.attempts, progress.moving) == (State.RECEIVED, 1, False)
    assert progress.words == "next try in a few seconds"
    assert progress.reason.startswith("Will be tried again: ")


def in_one_batch(tenant_id, **changes: Any) -> uuid.UUID:
    batch = uuid.uuid4()
    with managing(tenant_id):
        Ingestion.objects.filter(tenant_id=tenant_id).update(batch=batch, **changes)
    return batch


def known_batch(shelf, batch: uuid.UUID) -> BatchProgress:
    return batches_among(shelf.tenant_id, [batch])[batch]


def test_a_batch_counts_its_files_and_what_is_left_of_them(shelf):
    for name in ("a.txt", "b.txt"):
        ingest(shelf.tenant_id, send(shelf, f"first\n{name}", name).document.pk, some_ingestion())
    ingest(shelf.tenant_id, send(shelf, "BROKEN", "c.txt").document.pk, some_ingestion())
    send(shelf, "waits", "d.txt")
    batch = known_batch(shelf, in_one_batch(shelf.tenant_id))

    assert (batch.files, batch.done, batch.failed, batch.open, batch.moving) == (4, 2, 1, 1, 0)
    assert (batch.chunks_done, batch.chunks_total, batch.seconds_left) == (4, None, None)
    assert batch.words.startswith("2 of 4 files ready, 1 failed, 4 passages")
    assert not batch.resting


def test_a_batchs_rate_counts_the_time_of_work_once_and_no_pauses(shelf):
    # Two files at once for 16 seconds, and one an hour before.
    for name in ("a.txt", "b.txt", "c.txt"):
        begun_ten_seconds_ago(half_done(shelf, name=name))
    with managing(shelf.tenant_id):
        rows = Ingestion.objects.filter(document__source_name="c.txt")
        rows.update(
            started_at=F("started_at") - timedelta(hours=1),
            progressed_at=F("progressed_at") - timedelta(hours=1),
        )
        Ingestion.objects.update(
            progressed_at=F("started_at") + timedelta(seconds=16), lease_until=Now() + timedelta(seconds=60)
        )
        Ingestion.objects.filter(document__source_name__in=("a.txt", "b.txt")).update(
            started_at=Now() - timedelta(seconds=16), progressed_at=Now()
        )
    batch = known_batch(shelf, in_one_batch(shelf.tenant_id))

    assert batch.busy_seconds == pytest.approx(32, abs=0.5)
    assert batch.rate == pytest.approx(3 * 128 / 32, rel=0.05)
    assert batch.seconds_left == pytest.approx(3 * 128 / batch.rate, rel=0.01)


def test_a_batch_of_which_nothing_is_on_its_way_is_not_listed(shelf):
    for name in ("a.txt", "b.txt"):
        ingest(shelf.tenant_id, send(shelf, name, name).document.pk, some_ingestion())
    batch = in_one_batch(shelf.tenant_id)

    assert unfinished_batches(shelf.tenant_id, 5) == []
    assert known_batch(shelf, batch).resting
    assert known_batch(shelf, batch).fraction == 1


def test_a_batch_on_its_way_is_listed_and_one_file_alone_is_none(shelf):
    for name in ("a.txt", "b.txt"):
        send(shelf, name, name)
    batch = in_one_batch(shelf.tenant_id)
    other = a_collection(a_tenant())
    send(other, "alone")
    in_one_batch(other.tenant_id)

    assert [each.id for each in unfinished_batches(shelf.tenant_id, 5)] == [batch]
    assert unfinished_batches(other.tenant_id, 5) == []


def test_a_newer_file_counts_as_a_replacement_in_its_batch(shelf):
    send(shelf, "old")
    batch = in_one_batch(shelf.tenant_id)
    send(shelf, "new")

    assert (known_batch(shelf, batch).replaced, known_batch(shelf, batch).open) == (1, 0)


def test_a_failed_document_that_is_tried_again_begins_its_time_anew(shelf):
    document = send(shelf, "BROKEN").document
    ingest(shelf.tenant_id, document.pk, some_ingestion())

    assert try_again(stored(document), lambda *ids: None, DEAD)
    assert (work_on(document).started_at, work_on(document).attempts) == (None, 0)


def test_what_is_indexed_is_not_tried_again_where_only_the_dead_are_wanted(shelf):
    document = send(shelf, "text").document
    ingest(shelf.tenant_id, document.pk, some_ingestion())

    assert not try_again(stored(document), lambda *ids: None, DEAD)
    assert known(document).version == 1


def test_a_version_read_anew_is_the_one_that_is_told(shelf):
    document = send(shelf, "text").document
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    with managing(shelf.tenant_id):
        put_in_line(read_anew(work_on(document).version), lambda *ids: None)

    assert (known(document).version, known(document).fraction) == (2, None)
