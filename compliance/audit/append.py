"""The one way to append an event of ours to the audit trail."""

import json
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from compliance.models import AuditEntry

# By hand and not by the model's save(): two of these stand in the way of every answer, and the
# statement alone is one round trip that commits itself. The columns are the model's.
INSERT = """
insert into compliance_auditentry
       (id, tenant_id, event, outcome, action, object_pk, object_repr, changes_text, actor_id, cid, remote_addr,
        timestamp, additional_data, digest)
values (%(id)s, %(tenant_id)s, %(event)s, %(outcome)s, %(action)s, %(object_pk)s, %(object_repr)s, '', %(actor_id)s,
        %(cid)s, %(remote_addr)s, %(timestamp)s, %(additional_data)s::jsonb, %(digest)s);"""

COLUMNS = (
    "id", "tenant_id", "event", "outcome", "action", "object_pk", "object_repr", "actor_id", "cid", "remote_addr",
    "timestamp", "digest",
)  # fmt: skip


def append(
    *,
    tenant_id: UUID | None,
    event: str,
    request_id: UUID | str,
    actor_id: int | None,
    outcome: str = "",
    object_pk: str = "",
    details: dict[str, Any] | None = None,
    durable: bool = True,
) -> None:
    """Append one entry; with `durable` it is committed when this returns.

    tenant_id: None for what belongs to no tenant, such as a failed sign-in; inside a tenant's transaction
    it is that tenant's all the same. event: noun and past participle, e.g. "query.opened". details:
    ids, counts, scores; never text.
    Raises RuntimeError where a durable entry would hang on another transaction's end, and whatever the
    database raises: a caller that cannot audit must not go on.
    """
    if durable and inside_a_transaction():
        raise RuntimeError("A durable audit entry cannot be appended inside another transaction.")
    row = entry_row(
        tenant_id=tenant_id,
        event=event,
        request_id=request_id,
        actor_id=actor_id,
        outcome=outcome,
        object_pk=object_pk,
        details=details,
    )
    with connection.cursor() as cursor:
        cursor.execute(INSERT, row)


def entry_row(
    *,
    tenant_id: UUID | None,
    event: str,
    request_id: UUID | str,
    actor_id: int | None,
    outcome: str = "",
    object_pk: str = "",
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The parameters of INSERT, digest included, for a caller that appends beside its own statements."""
    entry = AuditEntry(
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
    entry.seal()
    row = {column: getattr(entry, column) for column in COLUMNS}
    return row | {"additional_data": json.dumps(entry.additional_data, cls=DjangoJSONEncoder)}


def inside_a_transaction() -> bool:
    """Whether a commit here would wait for somebody else's; a test's own frame does not count."""
    blocks = connection.atomic_blocks
    return bool(blocks) and not getattr(blocks[-1], "_from_testcase", False)
