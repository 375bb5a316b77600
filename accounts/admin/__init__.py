"""Admin pages of people, groups, roles and keys, and what every admin page shares."""

from accounts.admin import groups, keys, people, roles, tenants
from accounts.admin.base import ReadOnlyAdmin, TenantInline, TenantModelAdmin, prepared

__all__ = [
    "ReadOnlyAdmin",
    "TenantInline",
    "TenantModelAdmin",
    "groups",
    "keys",
    "people",
    "prepared",
    "roles",
    "tenants",
]

from accounts.sign_in import admin as sign_in_admin  # noqa: F401  (its pages build on these)
