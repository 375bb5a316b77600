"""A data folder made once a test process, and homes that start from a copy of it."""

from collections.abc import Iterator

import pytest

from ragsite.embedded.paths import Places
from tests.ragsite.homes import a_home, copy_of, services_in


@pytest.fixture(scope="session")
def made_home() -> Iterator[Places]:
    """A home whose cluster has its roles and its database, and does not run."""
    with a_home() as places:
        with services_in(places) as services:
            services.start_postgres(services.prepare())
        yield places


@pytest.fixture
def home(made_home: Places) -> Iterator[Places]:
    """A home with a copy of that cluster."""
    with a_home() as places:
        copy_of(made_home, places)
        yield places


@pytest.fixture
def bare_home() -> Iterator[Places]:
    with a_home() as places:
        yield places
