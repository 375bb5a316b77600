"""Each tenant's policy and glossary, read from the database at most once a second and process."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from accounts.database import in_database, managing
from compliance.pii import PiiPolicy
from retrieval.guardrails.policy import GuardPolicy, InjectionMode
from retrieval.models import GlossaryTerm, TenantPolicy

# How long another process may go on with an older policy. Rights are not kept here: they are read
# for every question.
AGE_MAX_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One tenant's settings at one moment; `version` differs whenever any of them does."""

    policy: GuardPolicy = field(default_factory=GuardPolicy)
    glossary: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    version: str = "default"
    read_at: float = 0.0  # of the monotonic clock, in seconds


class DatabaseTenantSettings:
    """Implements `TenantSettings`, and what guardrails and reformulation ask of it."""

    def __init__(self, age_max_seconds: float = AGE_MAX_SECONDS) -> None:
        self.age_max_seconds = age_max_seconds
        self._known: dict[UUID, Settings] = {}

    async def refresh(self, tenant_id: UUID) -> None:
        if self.is_old(tenant_id):
            await in_database(self.refresh_now, tenant_id)

    def refresh_now(self, tenant_id: UUID) -> None:
        """Read the tenant's settings again; blocks."""
        self._known[tenant_id] = read_settings(tenant_id)

    def policy_for(self, tenant_id: UUID) -> GuardPolicy:
        return self._known[tenant_id].policy

    def terms_for(self, tenant_id: UUID) -> Mapping[str, str]:
        return self._known[tenant_id].glossary

    def version_for(self, tenant_id: UUID) -> str:
        return self._known[tenant_id].version

    def is_old(self, tenant_id: UUID) -> bool:
        known = self._known.get(tenant_id)
        return known is None or time.monotonic() - known.read_at >= self.age_max_seconds


class WaitingPolicies:
    """A policy source for callers that may block, such as a worker: it reads what has had its time."""

    def __init__(self, settings: DatabaseTenantSettings) -> None:
        self.settings = settings

    def policy_for(self, tenant_id: UUID) -> GuardPolicy:
        if self.settings.is_old(tenant_id):
            self.settings.refresh_now(tenant_id)
        return self.settings.policy_for(tenant_id)


def read_settings(tenant_id: UUID) -> Settings:
    """Raises PolicyError when the stored policy cannot be understood: guardrails fail closed."""
    with managing(tenant_id):
        stored = TenantPolicy.objects.filter(pk=tenant_id).first()
        terms = dict(GlossaryTerm.objects.filter(tenant_id=tenant_id).values_list("term", "expansion"))
    policy = guard_policy(stored)
    content = json.dumps([policy.version, sorted(terms.items())])
    return Settings(
        policy=policy,
        glossary=MappingProxyType(terms),
        version=hashlib.sha256(content.encode()).hexdigest()[:16],
        read_at=time.monotonic(),
    )


def guard_policy(stored: TenantPolicy | None) -> GuardPolicy:
    """The policy in a tenant's row; without one, the defaults."""
    if stored is None:
        return GuardPolicy()
    pii = PiiPolicy.from_json(stored.pii)
    content = json.dumps(
        [stored.injection_mode, stored.injection_threshold, pii.version, sorted(stored.allowed_hosts)]
    )
    return GuardPolicy(
        injection_mode=InjectionMode(stored.injection_mode),
        injection_threshold=stored.injection_threshold,
        pii=pii,
        allowed_hosts=tuple(stored.allowed_hosts),
        version=hashlib.sha256(content.encode()).hexdigest()[:16],
    )
