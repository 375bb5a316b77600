"""Which changes of models the audit trail records."""

from auditlog.registry import auditlog
from django.db.models import Model

from accounts.models import (
    ApiKey,
    BreakGlass,
    Group,
    GroupNesting,
    IdentityProvider,
    Membership,
    SignInPolicy,
    Tenant,
    TenantDomain,
    TenantRole,
    User,
)
from retrieval.models import (
    Collection,
    CollectionGroupObjectPermission,
    CollectionUserObjectPermission,
    Document,
    DocumentGroupObjectPermission,
    DocumentUserObjectPermission,
    GlossaryTerm,
    Source,
    TenantPolicy,
)

# Named field by field: many-to-many fields stay out (on clear() the library writes other tenants'
# rows into the entry), and so does progress of ingestion, which is no change by anybody.
FIELDS: dict[type[Model], list[str]] = {
    Tenant: ["slug", "name", "state"],
    Group: ["tenant", "label"],
    GroupNesting: ["tenant", "outer", "inner"],
    TenantRole: ["tenant", "name", "rights"],
    BreakGlass: ["tenant", "user", "reason", "expires_at", "ended_at"],
    Membership: ["tenant", "user", "role", "own_role", "ceiling", "is_active"],
    User: ["is_active", "is_staff", "is_superuser", "password"],
    ApiKey: ["membership", "prefix", "scopes", "ceiling", "addresses", "expires_at", "revoked_at"],
    SignInPolicy: ["tenant", "require_second_factor", "password_allowed", "idle_minutes", "absolute_minutes"],
    TenantDomain: ["tenant", "domain", "confirmed_at"],
    IdentityProvider: [
        "tenant",
        "kind",
        "enabled",
        "issuer",
        "client_id",
        "sign_in_url",
        "certificate",
        "group_claim",
        "default_ceiling",
        "second_factor_there",
    ],
    Collection: ["name"],
    Document: ["collection", "sensitivity", "inherits_grants", "content_sha256"],
    GlossaryTerm: ["term", "expansion"],
    TenantPolicy: ["injection_mode", "injection_threshold", "pii", "allowed_hosts"],
    Source: ["collection", "kind", "name", "sensitivity", "schedule_minutes", "enabled", "removing"],
    CollectionUserObjectPermission: ["permission", "user", "content_object", "expires_at"],
    CollectionGroupObjectPermission: ["permission", "group", "content_object", "expires_at"],
    DocumentUserObjectPermission: ["permission", "user", "content_object", "expires_at"],
    DocumentGroupObjectPermission: ["permission", "group", "content_object", "expires_at"],
}


def register() -> None:
    """Tell django-auditlog; a password's change is recorded, never its value."""
    for model, fields in FIELDS.items():
        auditlog.register(model, include_fields=fields, mask_fields=["password"] if model is User else [])
