"""From upload to index: statuses, versions, and what happens when something breaks."""

import numpy as np
import pytest
from django.core.files.base import ContentFile

from accounts.database import managing, reading
from accounts.scope import Sensitivity
from retrieval.errors import EncoderMismatch, UnreadableFile
from retrieval.ingestion import leases, vault
from retrieval.ingestion.pipeline import ingest
from retrieval.ingestion.receive import Upload, receive, safe_name, try_again
from retrieval.models import Chunk, ChunkText, Document, DocumentVersion, Ingestion
from tests.factories import a_scope, fake_vector
from tests.retrieval.ingestion.parts import (
    BYTES_MAX,
    WordEncoder,
    one_piece_a_line,
    send,
    some_ingestion,
    stored,
    texts_of,
    work_on,
)

Status = Document.Status


def take_in(shelf, text: str, name: str = "notes.txt", **changes):
    received = send(shelf, text, name)
    ended = ingest(shelf.tenant_id, received.document.pk, some_ingestion(**changes))
    return received.document, ended


def found_by_search(shelf) -> int:
    """Chunks of the tenant that any search may still come upon."""
    with managing(shelf.tenant_id):
        return Chunk.objects.filter(tenant_id=shelf.tenant_id).count()


def kept_files(shelf) -> set[str]:
    return {name for name, _ in vault.names(shelf.tenant_id)}


def test_a_file_becomes_a_searchable_document_with_its_offsets(shelf):
    document, ended = take_in(shelf, "first line\nsecond line")

    assert (ended.status, ended.chunks) == (Status.INDEXED, 2)
    assert texts_of(document) == ["first line", "second line"]
    assert stored(document).searchable
    with managing(shelf.tenant_id):
        second = ChunkText.objects.get(version__document=document, ordinal=1)
    assert (second.start_char, second.end_char) == (11, 22)


def test_the_same_file_again_is_skipped_and_kept_once(shelf):
    take_in(shelf, "same")
    told: list = []

    assert send(shelf, "same", told=told).unchanged
    assert told == []
    assert len(kept_files(shelf)) == 1


def test_the_same_file_is_skipped_while_it_is_still_on_its_way(shelf):
    send(shelf, "same")

    assert send(shelf, "same").unchanged


def test_a_changed_file_is_a_new_version_of_the_same_document(shelf):
    document, _ = take_in(shelf, "old\nolder")
    again, ended = take_in(shelf, "new")

    assert again.pk == document.pk
    assert texts_of(document) == ["new"]
    assert (stored(document).content_version, ended.chunks) == (2, 1)
    assert found_by_search(shelf) == 1


def test_questions_see_the_old_version_until_the_new_one_is_whole(shelf):
    document, _ = take_in(shelf, "old")
    seen: list = []

    class LookingEncoder(WordEncoder):
        def encode(self, texts):
            seen.append((texts_of(document), stored(document).searchable))
            return super().encode(texts)

    take_in(shelf, "\n".join(f"new {n}" for n in range(130)), encoder=LookingEncoder())

    assert seen == [(["old"], True)] * 3
    assert len(texts_of(document)) == 130


def test_an_old_version_still_says_what_it_said_and_is_in_no_index(shelf):
    document, _ = take_in(shelf, "old")
    first = stored(document).version_id
    take_in(shelf, "new")

    with managing(shelf.tenant_id):
        assert [text.body for text in ChunkText.objects.filter(version_id=first)] == ["old"]
        assert not Chunk.objects.filter(version_id=first).exists()


def test_only_the_last_versions_are_kept(shelf, settings):
    settings.RAGSITE_VERSIONS_KEPT = 2
    for number in range(5):
        document, _ = take_in(shelf, f"text {number}")

    with managing(shelf.tenant_id):
        numbers = list(DocumentVersion.objects.filter(document=document).values_list("number", flat=True))
        assert ChunkText.objects.filter(version__document=document).count() == 3
    assert numbers == [5, 4, 3]
    assert len(kept_files(shelf)) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [("BROKEN", "'notes.txt' cannot be read."), ("\n", "'notes.txt' holds no text.")],
    ids=["broken", "empty"],
)
def test_a_file_that_cannot_be_taken_in_fails_with_its_reason(shelf, text, reason):
    document, ended = take_in(shelf, text)

    assert (ended.status, ended.reason) == (Status.FAILED, reason)
    assert stored(document).status_reason == reason
    assert texts_of(document) == []


def test_what_may_pass_is_tried_again_later(shelf):
    document, ended = take_in(shelf, "UNREACHABLE")
    work = work_on(document)

    assert (ended.status, ended.reason) == (Status.RECEIVED, "The encoder cannot be reached.")
    assert stored(document).status_reason == "Will be tried again: The encoder cannot be reached."
    assert work.next_try_at > work.started_at
    # Not before its time.
    assert ingest(shelf.tenant_id, document.pk, some_ingestion()) is None


def due_now(document: Document) -> None:
    with managing(document.tenant_id):
        work = Ingestion.objects.filter(document=document, state="received")
        work.update(next_try_at=work_on(document).started_at)


def test_what_never_passes_ends_among_the_failed_after_so_many_times(shelf):
    document, _ = take_in(shelf, "UNREACHABLE")
    for _ in range(leases.ATTEMPTS_MAX - 1):
        due_now(document)
        ended = ingest(shelf.tenant_id, document.pk, some_ingestion())

    assert ended is not None
    assert ended.status == Status.FAILED
    assert stored(document).status_reason == "The encoder cannot be reached. It was tried 6 times."


def test_waits_grow_with_each_attempt(shelf):
    document, _ = take_in(shelf, "UNREACHABLE")
    waits = []
    for _ in range(3):
        due_now(document)
        ingest(shelf.tenant_id, document.pk, some_ingestion())
        with managing(shelf.tenant_id):
            work = work_on(document)
        waits.append(work.next_try_at - work.progressed_at)

    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


def test_an_unexpected_error_is_named_without_its_details_and_rises(shelf):
    received = send(shelf, "EXPLODE")
    with pytest.raises(ZeroDivisionError):
        ingest(shelf.tenant_id, received.document.pk, some_ingestion())

    assert stored(received.document).status == Status.RECEIVED
    assert "ZeroDivisionError" in stored(received.document).status_reason
    assert "secret detail" not in stored(received.document).status_reason


def test_a_failed_new_version_leaves_the_old_one_in_search(shelf):
    document, _ = take_in(shelf, "old")
    take_in(shelf, "BROKEN")

    assert stored(document).status == Status.FAILED
    assert texts_of(document) == ["old"]
    assert stored(document).searchable


def test_a_failed_file_is_tried_again_when_it_is_sent_again(shelf):
    take_in(shelf, "BROKEN")

    assert not send(shelf, "BROKEN").unchanged


def test_a_failed_file_is_tried_again_when_somebody_says_so(shelf):
    document, _ = take_in(shelf, "line\nUNREACHABLE")
    for _ in range(leases.ATTEMPTS_MAX - 1):
        due_now(document)
        ingest(shelf.tenant_id, document.pk, some_ingestion())
    told: list = []

    assert try_again(stored(document), lambda *ids: told.append(ids))
    assert stored(document).status == Status.RECEIVED

    class Recovered(WordEncoder):
        def encode(self, texts):
            return super().encode(text.replace("UNREACHABLE", "reachable") for text in texts)

    ended = ingest(shelf.tenant_id, document.pk, some_ingestion(encoder=Recovered()))
    assert ended is not None
    assert (ended.status, ended.chunks) == (Status.INDEXED, 2)


def test_an_indexed_file_is_read_anew_as_a_version_of_its_own(shelf):
    document, _ = take_in(shelf, "text")

    assert try_again(stored(document), lambda *ids: None)
    assert not try_again(stored(document), lambda *ids: None)
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    assert (stored(document).content_version, texts_of(document)) == (2, ["text"])
    assert found_by_search(shelf) == 1


def test_a_poisoned_document_is_quarantined_and_in_no_index(shelf):
    document, ended = take_in(shelf, "fine\nPOISON")

    assert (ended.status, ended.reason) == (Status.QUARANTINED, "injection.hidden")
    assert texts_of(document) == []
    assert found_by_search(shelf) == 0
    with reading(a_scope(shelf.tenant)):
        assert not Document.objects.readable_by(a_scope(shelf.tenant)).exists()


def test_poison_in_the_last_pieces_of_a_large_file_is_found_before_any_is_embedded(shelf):
    encoder = WordEncoder()
    text = "\f".join(f"page {n}" for n in range(450)) + "\fPOISON"
    _, ended = take_in(shelf, text, encoder=encoder)

    assert ended.status == Status.QUARANTINED
    assert encoder.encoded == []


def test_a_poisoned_new_version_takes_the_old_one_out_of_search(shelf):
    document, _ = take_in(shelf, "old")
    take_in(shelf, "POISON")

    assert not stored(document).searchable
    with reading(a_scope(shelf.tenant)):
        assert not ChunkText.objects.filter(version__document__searchable=True).exists()


def test_of_two_workers_one_gets_the_document(shelf):
    received = send(shelf, "text")

    assert ingest(shelf.tenant_id, received.document.pk, some_ingestion()) is not None
    assert ingest(shelf.tenant_id, received.document.pk, some_ingestion()) is None


def test_a_file_replaced_while_it_is_read_gives_way_to_the_newer_one(shelf):
    def replaced_meanwhile(blocks, title):
        send(shelf, "newer")
        return one_piece_a_line(blocks, title)

    document, ended = take_in(shelf, "older", split=replaced_meanwhile)

    assert ended is None
    assert stored(document).status == Status.RECEIVED
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    assert texts_of(document) == ["newer"]
    assert found_by_search(shelf) == 1


def test_another_encoder_than_the_indexs_is_refused(shelf):
    def mismatch() -> None:
        raise EncoderMismatch("The index was built with another encoder.")

    document, ended = take_in(shelf, "text", encoders=mismatch)

    assert ended.reason == "The index was built with another encoder."
    assert texts_of(document) == []


@pytest.mark.parametrize(
    ("size", "said"), [(0, "is empty"), (BYTES_MAX + 1, "at most")], ids=["empty", "large"]
)
def test_a_file_of_the_wrong_size_is_refused_and_nothing_kept(shelf, size, said):
    with pytest.raises(UnreadableFile, match=said):
        send(shelf, "x" * size)
    with managing(shelf.tenant_id):
        assert not Document.objects.exists()
    assert kept_files(shelf) == set()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "C:\\secrets\\passwd", "a\x00b/passwd", "..\u2215passwd"]
)
def test_a_name_is_never_a_path(shelf, name):
    """T-20."""
    send(shelf, "text", name)

    (kept,) = kept_files(shelf)
    assert kept.startswith(f"{shelf.tenant_id}/")
    assert "passwd" not in kept
    assert "/" not in safe_name(name)


def test_the_worker_is_told_after_commit_only(shelf, django_capture_on_commit_callbacks):
    told: list = []
    with django_capture_on_commit_callbacks() as callbacks:
        received = send(shelf, "text", told=told)
    assert told == []
    for callback in callbacks:
        callback()

    assert told == [(shelf.tenant_id, received.document.pk)]


def test_a_sensitivity_travels_with_the_upload(shelf):
    upload = Upload(name="a.txt", content=ContentFile(b"x", name="a.txt"), sensitivity=Sensitivity.RESTRICTED)
    received = receive(shelf, upload, lambda *ids: None, BYTES_MAX)

    assert stored(received.document).sensitivity == Sensitivity.RESTRICTED


def test_vectors_are_stored_as_they_were_encoded(shelf):
    document, _ = take_in(shelf, "alpha beta")
    with managing(shelf.tenant_id):
        (vector,) = Chunk.objects.filter(version__document=document).values_list("embedding", flat=True)

    assert np.allclose(vector, fake_vector("alpha beta"), atol=1e-3)


def test_what_a_large_file_left_on_the_way_is_gone_when_it_is_whole(shelf):
    document, ended = take_in(shelf, "\f".join(f"page {n}" for n in range(200)))

    assert ended.chunks == 200
    assert (work_on(document).parsed_name, work_on(document).pieces_name) == ("", "")
    assert len(kept_files(shelf)) == 1
