"""From upload to index: statuses, versions, and what happens when something breaks."""

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.core.files.base import ContentFile

from accounts.database import managing, reading
from accounts.scope import Sensitivity
from retrieval import tasks
from retrieval.errors import EncoderMismatch, EncoderUnavailable, UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument, Section
from retrieval.ingestion.pipeline import IngestionComponents, ingest
from retrieval.ingestion.receive import Upload, receive, safe_name
from retrieval.ingestion.splitter import PieceOfText
from retrieval.interfaces import Encoding
from retrieval.models import Chunk, ChunkText, Document
from retrieval.search.index import PostgresChunkIndex
from retrieval.values.verdicts import Action, Finding, Verdict
from tests.factories import a_collection, a_scope, a_tenant, everyone, fake_vector

BYTES_MAX = 10_000


def parse_plainly(path: Path, name: str, limits: ParseLimits) -> ParsedDocument:
    text = path.read_text()
    if text.startswith("BROKEN"):
        raise UnreadableFile(f"'{name}' cannot be read.")
    section = Section(heading_path=(), page=None, start_char=0, end_char=len(text))
    return ParsedDocument(
        text=text, sections=(section,), title="", hidden=(), media_type="text/plain", pages=None
    )


def one_piece_a_line(parsed: ParsedDocument) -> list[PieceOfText]:
    pieces, start = [], 0
    for number, line in enumerate(parsed.text.splitlines()):
        pieces.append(
            PieceOfText(
                ordinal=number, start_char=start, end_char=start + len(line), heading_path="", page=None, text=line,
                embedding_text=line,
            )
        )  # fmt: skip
        start += len(line) + 1
    return pieces


class WordEncoder:
    name, dimensions, tokens_max = "words", 384, 256

    def encode(self, texts):
        if any("UNREACHABLE" in text for text in texts):
            raise EncoderUnavailable("The encoder cannot be reached.")
        if any("EXPLODE" in text for text in texts):
            raise ZeroDivisionError("a secret detail")
        return [Encoding(vector=fake_vector(text)) for text in texts]

    async def encode_one(self, text):
        return self.encode([text])[0]


class SuspiciousGuardrail:
    def inspect_document(self, tenant_id: UUID, texts, hidden) -> Verdict:
        found = any("POISON" in text for text in texts)
        return Verdict(findings=(Finding(rule="injection.hidden", action=Action.BLOCK),) if found else ())


def some_ingestion(**changes) -> IngestionComponents:
    parts: dict[str, Any] = {
        "parse": parse_plainly,
        "split": one_piece_a_line,
        "guardrail": SuspiciousGuardrail(),
        "encoder": WordEncoder(),
        "index": PostgresChunkIndex(),
        "check_space": lambda: None,
        "limits": ParseLimits(),
    }
    return IngestionComponents(**(parts | changes))


@pytest.fixture
def shelf(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    tenant = a_tenant()
    return a_collection(tenant, readers=(everyone(tenant),))


def send(shelf, text: str, name: str = "notes.txt", told: list | None = None):
    told = [] if told is None else told
    upload = Upload(name=name, content=ContentFile(text.encode(), name=name))
    return receive(shelf, upload, lambda *ids: told.append(ids), BYTES_MAX)


def take_in(shelf, text: str, name: str = "notes.txt", **changes):
    received = send(shelf, text, name)
    ended = ingest(shelf.tenant_id, received.document.pk, some_ingestion(**changes))
    return received.document, ended


def texts_of(document: Document) -> list[str]:
    with managing(document.tenant_id):
        return list(
            ChunkText.objects.filter(document=document).order_by("ordinal").values_list("body", flat=True)
        )


def stored(document: Document) -> Document:
    with managing(document.tenant_id):
        return Document.objects.get(pk=document.pk)


def test_a_file_becomes_a_searchable_document_with_its_offsets(shelf):
    document, ended = take_in(shelf, "first line\nsecond line")

    assert (ended.status, ended.chunks) == (Document.Status.INDEXED, 2)
    assert texts_of(document) == ["first line", "second line"]
    assert stored(document).searchable
    with managing(shelf.tenant_id):
        second = ChunkText.objects.get(document=document, ordinal=1)
    assert (second.start_char, second.end_char) == (11, 22)


def test_the_same_file_again_is_skipped(shelf):
    take_in(shelf, "same")
    told: list = []

    assert send(shelf, "same", told=told).unchanged
    assert told == []


def test_a_changed_file_replaces_its_older_version_and_that_versions_file(
    shelf, django_capture_on_commit_callbacks
):
    document, _ = take_in(shelf, "old\nolder")
    before = stored(document).file.path
    with django_capture_on_commit_callbacks(execute=True):
        received = send(shelf, "new")
    ingest(shelf.tenant_id, received.document.pk, some_ingestion())

    assert received.document.pk == document.pk
    assert texts_of(document) == ["new"]
    assert stored(document).content_version == 2
    assert not Path(before).exists()


def test_the_old_version_answers_while_the_new_one_is_on_its_way(shelf):
    document, _ = take_in(shelf, "old")
    send(shelf, "new")

    assert stored(document).searchable
    assert texts_of(document) == ["old"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("BROKEN", "'notes.txt' cannot be read."),
        ("\n", "'notes.txt' holds no text."),
        ("UNREACHABLE", "The encoder cannot be reached."),
    ],
)
def test_a_file_that_cannot_be_taken_in_fails_with_its_reason(shelf, text, reason):
    document, ended = take_in(shelf, text)

    assert (ended.status, ended.reason) == (Document.Status.FAILED, reason)
    assert stored(document).status_reason == reason
    assert texts_of(document) == []


def test_an_unexpected_error_is_named_without_its_details_and_rises(shelf):
    received = send(shelf, "EXPLODE")
    with pytest.raises(ZeroDivisionError):
        ingest(shelf.tenant_id, received.document.pk, some_ingestion())

    assert stored(received.document).status == Document.Status.FAILED
    assert "secret detail" not in stored(received.document).status_reason


def test_a_failed_new_version_leaves_the_old_one_in_search(shelf):
    document, _ = take_in(shelf, "old")
    take_in(shelf, "BROKEN")

    assert stored(document).status == Document.Status.FAILED
    assert texts_of(document) == ["old"]


def test_a_failed_file_is_tried_again_when_it_is_sent_again(shelf):
    take_in(shelf, "BROKEN")

    assert not send(shelf, "BROKEN").unchanged


def test_a_poisoned_document_is_quarantined_and_in_no_index(shelf):
    document, ended = take_in(shelf, "fine\nPOISON")

    assert (ended.status, ended.reason) == (Document.Status.QUARANTINED, "injection.hidden")
    assert texts_of(document) == []
    with reading(a_scope(shelf.tenant)):
        assert not Document.objects.readable_by(a_scope(shelf.tenant)).exists()


def test_a_poisoned_new_version_takes_the_old_one_out_of_search(shelf):
    document, _ = take_in(shelf, "old")
    take_in(shelf, "POISON")

    assert texts_of(document) == []
    assert not stored(document).searchable


def test_of_two_workers_one_gets_the_document(shelf):
    received = send(shelf, "text")

    assert ingest(shelf.tenant_id, received.document.pk, some_ingestion()) is not None
    assert ingest(shelf.tenant_id, received.document.pk, some_ingestion()) is None


def test_a_file_replaced_while_it_is_read_gives_way_to_the_newer_one(shelf):
    def replaced_meanwhile(parsed):
        send(shelf, "newer")
        return one_piece_a_line(parsed)

    document, ended = take_in(shelf, "older", split=replaced_meanwhile)

    assert ended.status == Document.Status.FAILED
    assert stored(document).status == Document.Status.RECEIVED
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    assert texts_of(document) == ["newer"]


def test_another_encoder_than_the_indexs_is_refused(shelf):
    def mismatch() -> None:
        raise EncoderMismatch("The index was built with another encoder.")

    document, ended = take_in(shelf, "text", check_space=mismatch)

    assert ended.reason == "The index was built with another encoder."
    assert texts_of(document) == []


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), ("x" * (BYTES_MAX + 1), "at most")])
def test_a_file_of_the_wrong_size_is_refused_and_nothing_kept(shelf, text, said):
    with pytest.raises(UnreadableFile, match=said):
        send(shelf, text)
    with managing(shelf.tenant_id):
        assert not Document.objects.exists()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "C:\\secrets\\passwd", "a\x00b/passwd", "..\u2215passwd"]
)
def test_a_name_is_never_a_path(shelf, settings, name):
    """T-20."""
    received = send(shelf, "text", name)

    assert Path(received.document.file.path).is_relative_to(Path(settings.MEDIA_ROOT) / str(shelf.tenant_id))
    assert "passwd" not in received.document.file.name
    assert "/" not in safe_name(name)


def test_the_worker_is_told_after_commit_only(shelf, django_capture_on_commit_callbacks):
    told: list = []
    with django_capture_on_commit_callbacks() as callbacks:
        received = send(shelf, "text", told=told)
    assert told == []
    for callback in callbacks:
        callback()

    assert told == [(shelf.tenant_id, received.document.pk)]


def test_the_sweep_puts_back_in_line_what_nobody_works_on(shelf, monkeypatch):
    told: list = []
    monkeypatch.setattr(tasks, "dispatch_ingestion", lambda *ids: told.append(ids))
    lost, dead, fresh = (send(shelf, "text", f"{n}.txt").document for n in range(3))
    with managing(shelf.tenant_id):
        long_ago = stored(fresh).status_at - tasks.MOVING_MAX * 2
        Document.objects.filter(pk=lost.pk).update(status_at=long_ago)
        Document.objects.filter(pk=dead.pk).update(status=Document.Status.EMBEDDING, status_at=long_ago)

    assert tasks.sweep_documents() == 2
    assert set(told) == {(shelf.tenant_id, lost.pk), (shelf.tenant_id, dead.pk)}


def test_a_sensitivity_travels_with_the_upload(shelf):
    upload = Upload(name="a.txt", content=ContentFile(b"x", name="a.txt"), sensitivity=Sensitivity.RESTRICTED)
    received = receive(shelf, upload, lambda *ids: None, BYTES_MAX)

    assert stored(received.document).sensitivity == Sensitivity.RESTRICTED


def test_vectors_are_stored_as_they_were_encoded(shelf):
    document, _ = take_in(shelf, "alpha beta")
    with managing(shelf.tenant_id):
        (vector,) = Chunk.objects.filter(document=document).values_list("embedding", flat=True)

    assert np.allclose(vector, fake_vector("alpha beta"), atol=1e-3)
