"""What an open answer rests on, and whether it still holds: many answers in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.scope import AccessScope, Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody's right to an answer: credential, membership, ceiling, and every document behind it."""

    scope: AccessScope
    credential: Credential | None
    document_ids: tuple[UUID, ...]

    def as_json(self, number: int) -> dict[str, object]:
        return {
            "number": number,
            "person": self.scope.user_id,
            "organisation": str(self.scope.tenant_id),
            "ceiling": int(self.scope.ceiling),
            "key": self.credential.key_id if self.credential else None,
            "session": self.credential.session_key if self.credential else None,
            "documents": [str(document_id) for document_id in self.document_ids],
        }


def standing(claims: Sequence[Claim]) -> list[bool]:
    """Whether each claim holds now, by the grants and not by what its scope remembers."""
    listed = json.dumps([claim.as_json(number) for number, claim in enumerate(claims)])
    with connection.cursor() as cursor:
        cursor.execute("select number from retrieval_standing(%s::jsonb)", [listed])
        holding = {number for (number,) in cursor.fetchall()}
    return [number in holding for number in range(len(claims))]
