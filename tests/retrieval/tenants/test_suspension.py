"""Work in the background of a suspended tenant waits, and is not lost."""

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now

from accounts.database import managing
from accounts.tenant_life import resume_tenant, suspend_tenant
from retrieval import tasks
from retrieval.ingestion import leases, pipeline
from retrieval.ingestion.leases import Lease, State, Suspended
from retrieval.ingestion.receive import Upload, receive
from retrieval.models import Document, Ingestion
from tests.factories import a_collection, a_tenant

pytestmark = pytest.mark.django_db

Status = Document.Status


@pytest.fixture
def waiting(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    tenant = a_tenant()
    upload = Upload(name="a.txt", content=ContentFile(b"text", name="a.txt"))
    document = receive(a_collection(tenant), upload, lambda *ids: None, 1_000).document
    with managing(tenant.pk):
        Ingestion.objects.filter(document=document).update(queued_at=None, next_try_at=Now())
    return tenant, document


def status_of(document: Document) -> str:
    with managing(document.tenant_id):
        return Document.objects.values_list("status", flat=True).get(pk=document.pk)


def test_a_worker_leaves_a_suspended_tenants_document_in_line(waiting):
    tenant, document = waiting
    suspend_tenant(tenant)
    assert leases.take(tenant.pk, document.pk) is None
    assert status_of(document) == Status.RECEIVED
    resume_tenant(tenant)
    assert leases.take(tenant.pk, document.pk) is not None


def test_the_sweep_passes_it_by_and_takes_it_up_when_the_tenant_goes_on(waiting, monkeypatch):
    tenant, document = waiting
    sent: list[object] = []
    monkeypatch.setattr(tasks, "dispatch_ingestion", lambda tenant_id, pk: sent.append(pk))
    suspend_tenant(tenant)
    assert (tasks.sweep_documents(), sent) == (0, [])
    resume_tenant(tenant)
    assert (tasks.sweep_documents(), sent) == (1, [document.pk])


def test_what_is_under_way_is_put_back(waiting, monkeypatch):
    tenant, document = waiting

    def suspend_meanwhile(lease: Lease, components: object) -> None:
        suspend_tenant(tenant)
        leases.move(lease, State.SPLITTING)

    monkeypatch.setattr(pipeline, "take_in", suspend_meanwhile)
    assert pipeline.ingest(tenant.pk, document.pk, None) is None  # type: ignore[arg-type]  # never reached
    assert status_of(document) == Status.RECEIVED


def test_nothing_moves_while_the_tenant_is_suspended(waiting):
    tenant, document = waiting
    lease = leases.take(tenant.pk, document.pk)
    assert lease is not None
    suspend_tenant(tenant)
    with pytest.raises(Suspended):
        leases.move(lease, State.EMBEDDING)
    leases.put_back(lease)
    assert status_of(document) == Status.RECEIVED
