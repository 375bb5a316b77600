"""Work for the Celery worker. Messages carry ids only; the truth is in PostgreSQL."""

from datetime import timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.database import managing
from accounts.models import Tenant, User
from compliance.audit.sweep import open_questions
from retrieval.access.grants import remove_ended
from retrieval.assembly import chunk_index, ingestion_components
from retrieval.ingestion.pipeline import ingest
from retrieval.ingestion.sweep import delete_stray_files, go_on_erasing, put_back_in_line, tidy_all
from retrieval.models import CachedAnswer
from retrieval.sources.intake import Intake
from retrieval.sources.runs import run_due_source, sync_due_sources
from retrieval.tenants.deletion import delete_tenant
from retrieval.tenants.export import export_path, export_tenant
from retrieval.uploads.finish import sweep_uploads
from retrieval.uploads.lifecycle import names_in_use

log = structlog.get_logger()

CACHED_ANSWERS_KEPT = timedelta(days=30)


def active_tenants() -> list[UUID]:
    """Whose work is done; that of a suspended tenant waits until it goes on."""
    return list(Tenant.objects.filter(state=Tenant.State.ACTIVE).values_list("pk", flat=True))


def dispatch_ingestion(tenant_id: UUID, document_id: UUID) -> None:
    """Hand a document to a worker; without a queue it waits for the next sweep. Call it after commit."""
    try:
        ingest_document.delay(str(tenant_id), str(document_id))
    except OperationalError as error:
        log.warning("ingestion.not_queued", document_id=str(document_id), error=type(error).__name__)


# No limit of time: a healthy job may take hours, and one that does not come further loses its lease.
@shared_task(name="retrieval.ingest_document", time_limit=0, soft_time_limit=0)
def ingest_document(tenant_id: str, document_id: str) -> None:
    ingest(UUID(tenant_id), UUID(document_id), ingestion_components())


@shared_task(name="retrieval.sweep_documents")
def sweep_documents() -> int:
    """Put back in line what nobody is working on: lost messages and dead workers. Returns how many."""
    return put_back_in_line(dispatch_ingestion)


@shared_task(name="retrieval.sweep_erasures")
def sweep_erasures() -> int:
    """Go on with what was to be erased when its process died. Returns how many."""
    return sum(go_on_erasing(tenant_id, chunk_index()) for tenant_id in active_tenants())


@shared_task(name="retrieval.sweep_files")
def sweep_files() -> int:
    """Tidy up after versions that were left half tidied; delete files that no row names. Returns how many."""
    for tenant_id in active_tenants():
        tidy_all(tenant_id, chunk_index())
    return sum(delete_stray_files(tenant_id, names_in_use) for tenant_id in active_tenants())


@shared_task(name="retrieval.sweep_uploads")
def take_in_uploads() -> int:
    """Take in what came whole in parts and was left; forget what nobody went on with. Returns how many."""
    return sweep_uploads(dispatch_ingestion)


@shared_task(name="retrieval.sync_sources")
def sync_sources() -> int:
    """Send for every source that is due. Returns how many."""
    return sync_due_sources(lambda tenant_id, source_id: sync_source.delay(str(tenant_id), str(source_id)))


@shared_task(name="retrieval.sync_source", time_limit=0, soft_time_limit=0)
def sync_source(tenant_id: str, source_id: str) -> None:
    intake = Intake(
        dispatch=dispatch_ingestion, index=chunk_index(), bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX
    )
    run_due_source(UUID(tenant_id), UUID(source_id), intake)


@shared_task(name="retrieval.forget_cached_answers")
def forget_cached_answers() -> int:
    """Drop cached answers that have had their time. Returns how many."""
    forgotten = 0
    for tenant_id in active_tenants():
        with managing(tenant_id):
            old = CachedAnswer.objects.filter(
                tenant_id=tenant_id, created_at__lt=timezone.now() - CACHED_ANSWERS_KEPT
            )
            forgotten += old.delete()[0]
    return forgotten


@shared_task(name="retrieval.remove_ended_grants")
def remove_ended_grants() -> int:
    """Tidy grants away that have ended; nobody reads by them any more. Returns how many."""
    return sum(remove_ended(tenant_id) for tenant_id in Tenant.objects.values_list("pk", flat=True))


@shared_task(name="retrieval.report_open_questions")
def report_open_questions() -> int:
    """Report questions whose opening entry never got a closing one. Returns how many."""
    unclosed = 0
    for tenant_id in active_tenants():
        for request_id in open_questions(
            tenant_id, older_than=timedelta(minutes=10), within=timedelta(hours=24)
        ):
            log.error("query.never_closed", tenant_id=str(tenant_id), request_id=request_id)
            unclosed += 1
    return unclosed


@shared_task(name="retrieval.export_tenant")
def export_in_background(tenant_id: str, by_id: int) -> None:
    """Write a tenant's export into the installation's own folder, for its operator to hand over."""
    tenant = Tenant.objects.get(pk=tenant_id)
    export_tenant(tenant, export_path(tenant), User.objects.get(pk=by_id))


@shared_task(name="retrieval.delete_tenant")
def delete_in_background(tenant_id: str, by_id: int) -> None:
    """Delete a tenant whose slug was typed; one that is gone already is left alone."""
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is not None:
        delete_tenant(tenant, User.objects.get(pk=by_id))
