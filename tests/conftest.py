"""One database per test process, cloned from a migrated template; the application's role serves tests."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Replaces pytest-django's: the role that serves tests may not create databases."""
    from tests.support import databases

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        databases.prepare_template()
        databases.clone_for(worker)
    yield
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        databases.drop(worker)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """A database in which transactions really commit; thrown away and cloned anew after the test."""
    from tests.support import databases

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        databases.clone_for(worker)
