"""Who is asking, reduced to what a permission check needs. No Django here."""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID


class Sensitivity(IntEnum):
    """How far a document may travel; a reader's ceiling must be at least as high."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessScope:
    """What one person may read at one moment, inside one tenant."""

    tenant_id: UUID
    user_id: int
    group_ids: frozenset[int]  # ids, never names: a renamed group keeps its grants
    ceiling: Sensitivity = Sensitivity.RESTRICTED

    @property
    def principals(self) -> tuple[int, ...]:
        """Every principal the person acts as, ascending; users and groups share one id space."""
        return tuple(sorted({self.user_id, *self.group_ids}))

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that are equal exactly for equal tenants, principals and ceilings."""
        parts = (str(self.tenant_id), ",".join(map(str, self.principals)), str(int(self.ceiling)))
        return hashlib.sha256("|".join(parts).encode()).digest()
