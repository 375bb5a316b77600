"""What one tenant wants of its guardrails, and who knows it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from compliance.pii import DEFAULT_POLICY, PiiPolicy

# Chosen on the project's own attacks and on benign text with trigger words: one firm rule decides
# alone, two loose ones together, a single loose one never.
DEFAULT_THRESHOLD = 0.6


class InjectionMode(StrEnum):
    """What happens when a question looks like an injection."""

    OFF = "off"
    REPORT = "report"  # noted in the verdict and let through
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """Everything the guardrails of one tenant decide by. `version` changes whenever any of it does."""

    injection_mode: InjectionMode = InjectionMode.BLOCK
    injection_threshold: float = DEFAULT_THRESHOLD  # 0 to 1; a score at or above it is an injection
    pii: PiiPolicy = DEFAULT_POLICY
    allowed_hosts: tuple[str, ...] = ()  # links and images in answers may point here
    version: str = "default"

    def __post_init__(self) -> None:
        if not 0 < self.injection_threshold <= 1:
            raise ValueError(
                "An injection threshold lies above 0 and at most at 1; "
                f"this one is {self.injection_threshold}."
            )


class PolicySource(Protocol):
    def policy_for(self, tenant_id: UUID) -> GuardPolicy:
        """The tenant's policy as it stands now. Must not block: it is asked on the event loop."""
        ...
