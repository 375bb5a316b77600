"""Who is asking, reduced to what a permission check needs. No Django here."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
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
    acting_ids: frozenset[int] = frozenset()  # collections and grants in force that she acts as
    ceiling: Sensitivity = Sensitivity.RESTRICTED
    # The first moment at which time alone takes something away; None: time takes nothing.
    valid_until: datetime | None = field(default=None, compare=False)
    break_glass_id: int | None = field(default=None, compare=False)  # the emergency access she acts under

    @property
    def principals(self) -> tuple[int, ...]:
        """Every principal the person acts as, ascending; all kinds share one id space."""
        return tuple(sorted({self.user_id, *self.group_ids, *self.acting_ids}))

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that are equal exactly for equal tenants, principals and ceilings."""
        parts = (str(self.tenant_id), ",".join(map(str, self.principals)), str(int(self.ceiling)))
        return hashlib.sha256("|".join(parts).encode()).digest()

    def narrowed(
        self, ceiling: Sensitivity | None = None, valid_until: datetime | None = None
    ) -> "AccessScope":
        """The scope under a lower ceiling and an earlier end; neither can widen it."""
        ends = [moment for moment in (self.valid_until, valid_until) if moment is not None]
        return replace(
            self,
            ceiling=self.ceiling if ceiling is None else min(self.ceiling, ceiling),
            valid_until=min(ends, default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What somebody came with. Where it ends, so does whatever is still under way for her."""

    user_id: int
    key_id: int | None = None
    session_key: str | None = None
