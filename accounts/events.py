"""What happens to people and their ways in, told to whoever listens; compliance audits it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.dispatch import Signal

# Keyword arguments: event, tenant_id, actor_id, outcome, object_pk, details.
happened = Signal()


class NobodyListens(RuntimeError):
    """An event that nobody took note of."""


def tell(
    event: str,
    *,
    tenant_id: UUID | None = None,
    actor_id: int | None = None,
    outcome: str = "",
    object_pk: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Tell one event, and return once it is on record.

    event: noun and past participle, such as "sign_in.succeeded". details: ids, counts and rules, never
    a name, an address or a text. Raises whatever a listener raises, and NobodyListens when there is
    none: what cannot be audited must not happen.
    """
    heard = happened.send(
        sender=tell,
        event=event,
        tenant_id=tenant_id,
        actor_id=actor_id,
        outcome=outcome,
        object_pk=object_pk,
        details=dict(details or {}),
    )
    if not heard:
        raise NobodyListens(f"Nobody takes note of '{event}'.")
