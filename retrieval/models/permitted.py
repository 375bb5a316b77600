"""The check behind both locks, for whole documents: the grants themselves, read again."""

from collections.abc import Collection as SomeOf
from uuid import UUID

import structlog

from accounts.database import rows_for
from accounts.scope import AccessScope

log = structlog.get_logger()

PERMITTED = """
select d.id from retrieval_document d
 where d.tenant_id = %(tenant)s and d.id = any(%(documents)s::uuid[]) and d.searchable
   and d.sensitivity <= %(ceiling)s
   and d.id in (select retrieval_granted(%(documents)s::uuid[], %(principals)s::bigint[]))"""


def permitted_among(scope: AccessScope, found: SomeOf[UUID]) -> set[UUID]:
    """Which of the documents that a query brought are granted to the asker at this moment.

    The query reads principals, this reads what they are made from. Where the two differ, either a grant
    has just ended or a lock is broken, and somebody should look which.
    """
    if not found:
        return set()
    asked = {
        "tenant": scope.tenant_id,
        "documents": list(found),
        "ceiling": int(scope.ceiling),
        "principals": list(scope.principals),
    }
    permitted = {document_id for (document_id,) in rows_for(scope, PERMITTED, asked)}
    if denied := set(found) - permitted:
        log.warning(
            "permission.disagreed",
            tenant=str(scope.tenant_id),
            user=scope.user_id,
            documents=sorted(map(str, denied)),
        )
    return permitted
