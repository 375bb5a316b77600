"""Audit records that were opened and never closed: a process died between the two."""

from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.database import managing
from compliance.models import AuditEntry


def open_questions(tenant_id: UUID, older_than: timedelta, within: timedelta) -> list[str]:
    """Request ids of questions opened between `within` and `older_than` ago that have no closing entry."""
    now = timezone.now()
    with managing(tenant_id):
        closing = AuditEntry.objects.filter(tenant_id=tenant_id, event="query.closed", cid=OuterRef("cid"))
        opened = AuditEntry.objects.filter(
            tenant_id=tenant_id,
            event="query.opened",
            timestamp__range=(now - within, now - older_than),
        )
        return [cid for cid in opened.filter(~Exists(closing)).values_list("cid", flat=True) if cid]
