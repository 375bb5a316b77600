"""What keeps ingestion going when something was lost: messages, workers, half-done erasures, stray files."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.database import managing
from retrieval.ingestion import leases, vault
from retrieval.ingestion.erase import erase_document
from retrieval.ingestion.publish import tidy
from retrieval.ingestion.receive import Dispatch
from retrieval.interfaces import ChunkIndex
from retrieval.models import ChunkLexeme, Document, DocumentVersion, Ingestion

ERASING_MAX = timedelta(minutes=2)
# A file is written before the row that names it; this is how long that may take.
STRAY_AFTER = timedelta(hours=6)

UNATTENDED = "select tenant, document, waits from retrieval_unattended()"


def put_back_in_line(dispatch: Dispatch) -> int:
    """Send for every version that waits unheard of or whose worker is gone; returns how many.

    One statement when there is nothing to do, however many tenants there are.
    """
    with connection.cursor() as cursor:
        found = cursor.execute(UNATTENDED).fetchall()
    sent = 0
    for tenant_id in {tenant_id for tenant_id, _, _ in found}:
        waiting = {document_id for tenant, document_id, waits in found if waits and tenant == tenant_id}
        waiting.update(leases.reap(tenant_id))
        with managing(tenant_id):
            rows = Ingestion.objects.filter(document_id__in=waiting, state=Ingestion.State.RECEIVED)
            rows.update(queued_at=Now())
        for document_id in waiting:
            dispatch(tenant_id, document_id)
        sent += len(waiting)
    return sent


def go_on_erasing(tenant_id: UUID, index: ChunkIndex) -> int:
    """Erase what somebody began to erase and did not end. Returns how many."""
    with managing(tenant_id):
        left = list(
            Document.objects.filter(
                tenant_id=tenant_id,
                status=Document.Status.ERASING,
                status_at__lt=timezone.now() - ERASING_MAX,
            )
        )
    for document in left:
        erase_document(document, index)
    return len(left)


def tidy_all(tenant_id: UUID, index: ChunkIndex) -> int:
    """Tidy up after versions whose worker died before it could. Returns after how many documents."""
    with managing(tenant_id):
        searched = ChunkLexeme.objects.filter(tenant_id=tenant_id).values("version_id").distinct()
        untidy = (
            Ingestion.objects.filter(tenant_id=tenant_id)
            .exclude(state__in=(*Ingestion.MOVING, Ingestion.State.RECEIVED))
            .filter(
                Q(version_id__in=searched) & ~Q(version_id=F("document__version_id"))
                | Q(state=Ingestion.State.INDEXED) & ~(Q(parsed_name="") & Q(pieces_name=""))
            )
        )
        documents = list(untidy.values_list("document_id", flat=True).distinct())
    for document_id in documents:
        tidy(tenant_id, document_id, index)
    return len(documents)


def delete_stray_files(tenant_id: UUID, also_named: Callable[[UUID], set[str]]) -> int:
    """Delete files of the vault that no row names, such as those of a process that died. Returns how many.

    also_named: names that other parts of the project keep; called inside `managing`.
    """
    old = timezone.now() - STRAY_AFTER
    candidates = [name for name, changed in vault.names(tenant_id) if changed < old]
    if not candidates:
        return 0
    with managing(tenant_id):
        named = set(DocumentVersion.objects.filter(tenant_id=tenant_id).values_list("stored_name", flat=True))
        work = Ingestion.objects.filter(tenant_id=tenant_id).values_list("parsed_name", "pieces_name")
        named.update(name for row in work for name in row)
        named |= also_named(tenant_id)
    stray = [name for name in candidates if name not in named]
    for name in stray:
        vault.delete(name)
    return len(stray)
