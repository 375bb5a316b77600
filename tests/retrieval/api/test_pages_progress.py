"""The documents page shows how far files are, what failed, and another try, all of it without scripts."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client

from accounts.database import managing
from accounts.models import Membership, Tenant
from accounts.roles import Right, Role, may
from compliance.models import AuditEntry
from retrieval.ingestion.pipeline import ingest
from retrieval.models import Collection, Document, Ingestion
from tests.factories import a_collection, a_member, a_tenant, everyone
from tests.retrieval.ingestion.parts import send, some_ingestion, stored

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    for door in ("ingestion", "uploads"):
        monkeypatch.setattr(f"retrieval.api.{door}.dispatch_ingestion", lambda *ids: None)


@pytest.fixture
def tenant() -> Tenant:
    return a_tenant()


@pytest.fixture
def shelf(tenant) -> Collection:
    return a_collection(tenant, readers=(everyone(tenant),))


@pytest.fixture
def editor(tenant) -> Client:
    return session_of(a_member(tenant, role=Role.EDITOR))


def session_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def taken_in(shelf: Collection, text: str, name: str = "notes.txt") -> Document:
    document = send(shelf, text, name).document
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    return stored(document)


def being_embedded(shelf: Collection, **changes: Any) -> Document:
    document = send(shelf, "text", "long.txt").document
    with managing(shelf.tenant_id):
        Ingestion.objects.filter(document=document).update(
            state="embedding", lease_token=uuid4(), lease_until=Now() + timedelta(seconds=60), pieces_name="kept",
            chunks_done=120, chunks_total=800, embedding_at=Now() - timedelta(seconds=3), progressed_at=Now(),
            **changes,
        )  # fmt: skip
        Document.objects.filter(pk=document.pk).update(status="embedding")
    return document


def test_a_file_on_its_way_has_a_bar_and_a_sentence(editor, shelf):
    being_embedded(shelf)
    page = editor.get("/documents/").content.decode()

    assert "120 of 800 passages, 40 a second, about 20 seconds left" in page
    assert 'max="1" value="0.15"' in page


def test_a_page_that_waits_is_told_figures_of_documents_and_batches(editor, tenant, shelf):
    batch = uuid4()
    document = being_embedded(shelf, batch=batch, started_at=Now() - timedelta(seconds=3))
    told = editor.get("/documents/statuses/", {"id": str(document.pk), "batch": str(batch)}).json()

    assert told["documents"][0]["fraction"] == 0.15
    assert told["documents"][0]["progress"].startswith("120 of 800 passages")
    assert told["batches"] == [
        {"id": str(batch), "fraction": 0.0, "moving": True,
         "words": "0 of 1 file ready, 120 passages, 40 a second, about 20 seconds left"}
    ]  # fmt: skip


def test_another_tenants_batch_is_told_of_to_nobody_here(editor):
    elsewhere = a_collection(a_tenant())
    batch = uuid4()
    being_embedded(elsewhere, batch=batch)

    assert editor.get("/documents/statuses/", {"batch": str(batch)}).json()["batches"] == []
    assert str(batch) not in editor.get("/documents/", {"batch": str(batch)}).content.decode()


def test_several_files_are_followed_as_one_batch(editor, shelf):
    files = [SimpleUploadedFile(f"{n}.txt", b"text %d" % n) for n in range(3)]
    form = {"collection": str(shelf.pk), "sensitivity": "1", "chosen": files}
    page = editor.post("/documents/upload/", form, follow=True)

    assert "batch=" in page.redirect_chain[0][0]
    assert "0 of 3 files ready" in page.content.decode()


def test_what_failed_has_a_list_of_its_own_with_reasons_and_buttons(editor, shelf):
    taken_in(shelf, "well", "well.txt")
    failed = taken_in(shelf, "BROKEN", "broken.txt")
    page = editor.get("/documents/", {"show": "failed"}).content.decode()

    assert "&#x27;broken.txt&#x27; cannot be read." in page
    assert f'name="document" value="{failed.pk}"' in page
    assert "Retry all 1" in page
    assert ">well<" not in page


def test_one_button_tries_one_again_and_another_all(editor, tenant, shelf):
    first, second, third = (taken_in(shelf, "BROKEN", f"{n}.txt") for n in range(3))
    one = editor.post("/documents/retry/", {"document": str(first.pk)}, follow=True).content.decode()
    after_one = [stored(document).status for document in (first, second, third)]
    rest = editor.post("/documents/retry/", {"all": "1"}, follow=True).content.decode()

    assert "1 document is in line again." in one
    assert after_one == ["received", "failed", "failed"]
    assert "2 documents are in line again." in rest
    assert [stored(document).status for document in (first, second, third)] == ["received"] * 3
    with managing(tenant.pk):
        assert AuditEntry.objects.filter(event="document.retried").count() == 3


def test_another_tenants_document_is_not_tried_again_and_looks_like_an_absent_one(editor):
    theirs = taken_in(a_collection(a_tenant()), "BROKEN")
    pages = [
        editor.post("/documents/retry/", {"document": str(pk)}, follow=True).content.decode()
        for pk in (theirs.pk, uuid4())
    ]

    assert all("There was nothing to try again." in page for page in pages)
    assert stored(theirs).status == "failed"


@pytest.mark.parametrize("role", [role for role in Role if not may(role, Right.EDIT_DOCUMENTS)])
def test_only_editors_see_progress_and_try_again(tenant, shelf, role):
    failed = taken_in(shelf, "BROKEN")
    being_embedded(shelf, batch=uuid4())
    client = session_of(a_member(tenant, role=role))
    page = client.get("/documents/", {"show": "failed"}).content.decode()

    assert client.post("/documents/retry/", {"document": str(failed.pk)}).status_code == 403
    assert "passages" not in page
    assert "Retry" not in page
    assert stored(failed).status == "failed"


def test_a_document_lists_its_whole_versions_with_their_addresses(tenant, shelf):
    document = [taken_in(shelf, text) for text in ("first", "second", "BROKEN")][-1]
    client = session_of(a_member(tenant))
    page = client.get(f"/documents/{document.pk}/").content.decode()

    assert 'href="?version=1"' in page
    assert 'href="?version=2" aria-current="page"' in page
    assert 'href="?version=3"' not in page
    assert "first" in client.get(f"/documents/{document.pk}/?version=1").content.decode()
