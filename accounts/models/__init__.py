"""Who may ask, and as whom: tenants, people, groups, keys, and who acts as whom."""

from accounts.models.break_glass import BreakGlass
from accounts.models.delegations import Delegation
from accounts.models.groups import Group, GroupNesting
from accounts.models.keys import ApiKey
from accounts.models.people import Membership, Principal, TenantRole, User
from accounts.models.sign_in import (
    IdentityProvider,
    SignInPolicy,
    SignInSession,
    TenantDomain,
    UsedAssertion,
)
from accounts.models.tenant_keys import TenantKey
from accounts.models.tenants import Tenant

__all__ = [
    "ApiKey",
    "BreakGlass",
    "Delegation",
    "Group",
    "GroupNesting",
    "IdentityProvider",
    "Membership",
    "Principal",
    "SignInPolicy",
    "SignInSession",
    "Tenant",
    "TenantDomain",
    "TenantKey",
    "TenantRole",
    "UsedAssertion",
    "User",
]
