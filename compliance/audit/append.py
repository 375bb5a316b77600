"""The one way to append an event of ours to the audit trail."""

from typing import Any
from uuid import UUID

from accounts.database import managing
from compliance.models import AuditEntry


def append(
    *,
    tenant_id: UUID,
    event: str,
    request_id: UUID | str,
    actor_id: int | None,
    outcome: str = "",
    object_pk: str = "",
    details: dict[str, Any] | None = None,
    durable: bool = True,
) -> None:
    """Append one entry in a transaction of its own, committed when this returns.

    event: noun and past participle, e.g. "query.opened". details: ids, counts, scores; never text.
    Raises whatever the database raises: a caller that cannot audit must not go on.
    """
    with managing(tenant_id, durable=durable):
        AuditEntry.objects.create(
            tenant_id=tenant_id,
            event=event,
            outcome=outcome,
            action=AuditEntry.Action.ACCESS,
            object_pk=object_pk,
            object_repr=event,
            actor_id=actor_id,
            cid=str(request_id),
            additional_data=details or {},
        )
