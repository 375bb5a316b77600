"""A committed world, its remote encoder served for as long as the test lasts."""

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.retrieval.reembedding.parts import World, a_world
from tests.support.embeddings_server import EmbeddingsServer, embeddings_server


@pytest.fixture
def place(settings, tmp_path):
    from accounts.tenant_keys import cache

    settings.MEDIA_ROOT = tmp_path / "files"
    settings.RAGSITE_HOME = tmp_path
    cache.clear()
    yield tmp_path
    cache.clear()


@pytest.fixture
def world(committed: None, place, request: pytest.FixtureRequest) -> Iterator[World]:
    with embeddings_server(EmbeddingsServer(dimensions=getattr(request, "param", 16))) as server:
        yield a_world(server)
    connections["owner"].close()
