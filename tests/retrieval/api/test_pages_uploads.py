"""Editors bring files in and follow them."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.database import managing
from accounts.models import Membership, Tenant
from accounts.roles import Right, Role, may
from retrieval.api import uploads
from retrieval.models import Collection, Document
from tests import factories

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as TestResponse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def dispatched(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    documents: list[uuid.UUID] = []
    monkeypatch.setattr(
        uploads, "dispatch_ingestion", lambda tenant_id, document_id: documents.append(document_id)
    )
    return documents


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def documents_of(tenant: Tenant) -> list[Document]:
    with managing(tenant.pk):
        return list(Document.objects.filter(tenant_id=tenant.pk))


def upload(client: Client, shelf: Collection, *contents: bytes, name: str = "policy.txt") -> "TestResponse":
    files = [SimpleUploadedFile(name, content) for content in contents]
    form = {"collection": str(shelf.pk), "sensitivity": "1", "chosen": files}
    return client.post("/documents/upload/", form, follow=True)


def test_an_editors_upload_is_kept_and_put_in_line(
    dispatched: list[uuid.UUID], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    tenant = factories.a_tenant()
    client = signed_in(factories.a_member(tenant, role=Role.EDITOR))

    with django_capture_on_commit_callbacks(execute=True):
        page = upload(client, factories.a_collection(tenant), b"You have 27 days.").content.decode()

    [document] = documents_of(tenant)
    assert document.source_name == "policy.txt"
    assert dispatched == [document.pk]
    assert "was taken in" in page
    assert "Waiting" in page


def test_an_empty_file_gets_its_reason_and_is_not_kept() -> None:
    tenant = factories.a_tenant()
    client = signed_in(factories.a_member(tenant, role=Role.EDITOR))

    page = upload(client, factories.a_collection(tenant), b"").content.decode()

    assert documents_of(tenant) == []
    assert "is empty" in page


@pytest.mark.parametrize("role", [role for role in Role if not may(role, Right.EDIT_DOCUMENTS)])
def test_only_editors_upload_and_follow(role: Role) -> None:
    tenant = factories.a_tenant()
    client = signed_in(factories.a_member(tenant, role=role))

    assert upload(client, factories.a_collection(tenant), b"text").status_code == 403
    assert client.get("/documents/statuses/").status_code == 403
    assert documents_of(tenant) == []


def test_nothing_can_be_put_into_another_tenants_collection() -> None:
    tenant, other = factories.a_tenant(), factories.a_tenant()
    client = signed_in(factories.a_member(tenant, role=Role.EDITOR))

    page = upload(client, factories.a_collection(other), b"text").content.decode()

    assert "Choose a collection" in page
    assert documents_of(tenant) + documents_of(other) == []


def test_a_file_is_taken_in_even_when_the_queue_is_away(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    def away(tenant_id: uuid.UUID, document_id: uuid.UUID) -> None:
        raise OperationalError

    monkeypatch.setattr("retrieval.tasks.ingest_document.delay", away)
    tenant = factories.a_tenant()
    client = signed_in(factories.a_member(tenant, role=Role.EDITOR))

    with django_capture_on_commit_callbacks(execute=True):
        response = upload(client, factories.a_collection(tenant), b"text")

    assert response.status_code == 200
    assert [document.status for document in documents_of(tenant)] == ["received"]


def test_states_are_told_of_the_tenants_own_documents_only() -> None:
    tenant = factories.a_tenant()
    own = factories.a_document(factories.a_collection(tenant), "text")
    foreign = factories.a_document(factories.a_collection(factories.a_tenant()), "text")
    client = signed_in(factories.a_member(tenant, role=Role.EDITOR))

    told = client.get(
        "/documents/statuses/", {"id": [str(own.pk), str(foreign.pk), str(uuid.uuid4())]}
    ).json()

    assert [document["id"] for document in told["documents"]] == [str(own.pk)]
    assert told["documents"][0]["words"] == "Ready"
    assert not told["documents"][0]["moving"]
