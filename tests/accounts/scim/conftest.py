"""A tenant that owns a domain, and its directory."""

import pytest

from accounts.roles import Role
from tests.accounts.scim.directory import Directory, a_directory, claim
from tests.factories import a_member, a_tenant


@pytest.fixture
def directory(db: None) -> Directory:
    tenant = a_tenant()
    claim(tenant, "acme.example")
    a_member(tenant, role=Role.OWNER)
    return a_directory(tenant)
