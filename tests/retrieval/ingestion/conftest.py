"""A shelf to put files on, with a place for them that is thrown away."""

import pytest

from accounts.tenant_keys import cache
from retrieval.models import Collection
from tests.factories import a_collection, a_tenant, everyone


@pytest.fixture
def place(settings, tmp_path):
    """Files and scratch of this test alone; keys of another database are forgotten."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.RAGSITE_HOME = tmp_path
    cache.clear()
    yield tmp_path
    cache.clear()


@pytest.fixture
def shelf(db: None, place) -> Collection:
    tenant = a_tenant()
    return a_collection(tenant, readers=(everyone(tenant),))
