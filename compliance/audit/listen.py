"""Writes what the accounts tell into the audit trail."""

from typing import Any
from uuid import UUID

from compliance.audit.append import append
from compliance.audit.context import current


def note(
    sender: Any,
    *,
    event: str,
    tenant_id: UUID | None,
    actor_id: int | None,
    outcome: str,
    object_pk: str,
    details: dict[str, Any],
    **kwargs: Any,
) -> None:
    """Append one entry. Outside a transaction it is committed at once, inside one together with the change."""
    append(
        tenant_id=tenant_id,
        event=event,
        request_id=current().request_id,
        actor_id=actor_id,
        outcome=outcome,
        object_pk=object_pk,
        details=details,
        durable=False,
    )
