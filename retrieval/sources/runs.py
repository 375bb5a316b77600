"""Runs as they fall due: what the worker calls."""

from collections.abc import Callable
from uuid import UUID

import structlog
from django.utils import timezone

from accounts.database import managing
from accounts.models import Tenant
from retrieval.errors import RetrievalError, SourceRefused
from retrieval.models import Document, Source, SourceItem
from retrieval.sources.connector import Connector
from retrieval.sources.intake import Intake
from retrieval.sources.leases import LeaseLost, SourceBusy, claim
from retrieval.sources.registry import connector_of
from retrieval.sources.report import Report
from retrieval.sources.site import site_of
from retrieval.sources.sync import sync

log = structlog.get_logger()

REMOVED_AT_ONCE = 500  # of a source that goes with its documents, before others have their turn


def sync_due_sources(hand_over: Callable[[UUID, UUID], object]) -> int:
    """Hand every source that is due over, as (tenant id, source id), to be run. Returns how many."""
    handed = 0
    for tenant_id in Tenant.objects.filter(state=Tenant.State.ACTIVE).values_list("pk", flat=True):
        with managing(tenant_id):
            due = Source.objects.filter(tenant_id=tenant_id).due(timezone.now())
            ids = list(due.order_by("last_started").values_list("pk", flat=True))
        for source_id in ids:
            hand_over(tenant_id, source_id)
        handed += len(ids)
    return handed


def run_due_source(tenant_id: UUID, source_id: UUID, intake: Intake) -> Report | None:
    """Run a source if it is due; None where it is not, or not any more, or another run has it."""
    with managing(tenant_id):
        due = Source.objects.filter(tenant_id=tenant_id, pk=source_id).due(timezone.now())
        source = due.select_related("tenant", "collection").first()
    if source is None or not source.tenant.is_active:
        return None
    try:
        if source.removing:
            remove_some(source, intake)
            return None
        return run_source(source, intake)
    except (SourceBusy, LeaseLost) as error:
        log.info("source.not_run", source_id=str(source_id), reason=error.code)
        return None


def run_source(source: Source, intake: Intake, *, dry_run: bool = False) -> Report:
    """One run now. Raises SourceBusy. A source that cannot be called any more ends as failed."""
    try:
        connector = connector_for(source)
    except RetrievalError as error:
        return not_run(source, str(error))
    return sync(source, connector, intake, dry_run=dry_run)


def connector_for(source: Source) -> Connector:
    """The connector of a source with its secret. Raises SourceRefused. Needs the source's tenant."""
    kind, site = connector_of(source.kind), site_of(source.tenant)
    try:
        secret = source.secret
    except ValueError as error:
        raise SourceRefused("The secret of this source cannot be read any more; enter it again.") from error
    kind.check(source.configuration, site)
    return kind(source.configuration, secret, site)


def not_run(source: Source, problem: str) -> Report:
    """Write down that a run could not even begin; the next one is tried when it falls due."""
    now = timezone.now()
    with managing(source.tenant_id):
        Source.objects.filter(tenant_id=source.tenant_id, pk=source.pk).update(
            last_started=now, last_ended=now, last_outcome=Source.Outcome.FAILED, last_problem=problem[:500],
            requested_at=None,
        )  # fmt: skip
    return Report(outcome=Source.Outcome.FAILED, problem=problem)


def remove_some(source: Source, intake: Intake) -> None:
    """Erase some documents of a source that is going with them; the source goes after its last one."""
    lease = claim(source)
    with managing(source.tenant_id):
        items = SourceItem.objects.filter(tenant_id=source.tenant_id, source_id=source.pk)
        there = list(items.values_list("pk", "document_id")[: REMOVED_AT_ONCE + 1])
    for item_id, document_id in there[:REMOVED_AT_ONCE]:
        with lease.writing():
            document = Document.objects.filter(tenant_id=source.tenant_id, pk=document_id).first()
            SourceItem.objects.filter(tenant_id=source.tenant_id, pk=item_id).delete()
            if document is not None:
                intake.remove(document)
    with lease.writing():
        mine = Source.objects.filter(tenant_id=source.tenant_id, pk=source.pk)
        if len(there) > REMOVED_AT_ONCE:
            mine.update(lease_until=None)
        else:
            for gone in mine:
                gone.delete()
