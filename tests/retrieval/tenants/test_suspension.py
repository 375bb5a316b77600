"""Work in the background of a suspended tenant waits, and is not lost."""

import pytest

from accounts.database import managing
from accounts.tenant_life import resume_tenant, suspend_tenant
from retrieval import tasks
from retrieval.ingestion import pipeline
from retrieval.ingestion.pipeline import Suspended, claim, move, put_back
from retrieval.models import Document
from tests.factories import a_collection, a_document, a_tenant

pytestmark = pytest.mark.django_db

Status = Document.Status


@pytest.fixture
def waiting():
    tenant = a_tenant()
    document = a_document(a_collection(tenant), "text")
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(
            status=Status.RECEIVED, status_at=document.created_at - tasks.WAITING_MAX * 2
        )
    return tenant, document


def status_of(document: Document) -> str:
    with managing(document.tenant_id):
        return Document.objects.values_list("status", flat=True).get(pk=document.pk)


def test_a_worker_leaves_a_suspended_tenants_document_in_line(waiting):
    tenant, document = waiting
    suspend_tenant(tenant)
    assert claim(tenant.pk, document.pk) is None
    assert status_of(document) == Status.RECEIVED
    resume_tenant(tenant)
    assert claim(tenant.pk, document.pk) is not None


def test_the_sweep_passes_it_by_and_takes_it_up_when_the_tenant_goes_on(waiting, monkeypatch):
    tenant, document = waiting
    sent: list[object] = []
    monkeypatch.setattr(tasks, "dispatch_ingestion", lambda tenant_id, pk: sent.append(pk))
    suspend_tenant(tenant)
    assert (tasks.sweep_documents(), sent) == (0, [])
    resume_tenant(tenant)
    assert (tasks.sweep_documents(), sent) == (1, [document.pk])


def test_what_is_under_way_is_put_back_from_the_beginning(waiting, monkeypatch):
    tenant, document = waiting

    def suspend_meanwhile(claimed: Document, components: object) -> None:
        suspend_tenant(tenant)
        move(claimed, Status.SPLITTING)

    monkeypatch.setattr(pipeline, "take_in", suspend_meanwhile)
    assert pipeline.ingest(tenant.pk, document.pk, None) is None  # type: ignore[arg-type]  # never reached
    assert status_of(document) == Status.RECEIVED


def test_nothing_moves_while_the_tenant_is_suspended(waiting):
    tenant, document = waiting
    claimed = claim(tenant.pk, document.pk)
    assert claimed is not None
    suspend_tenant(tenant)
    with pytest.raises(Suspended):
        move(claimed, Status.EMBEDDING)
    put_back(claimed)
    assert status_of(document) == Status.RECEIVED
