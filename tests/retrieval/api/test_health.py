"""Health for machines: alive, ready, and why not."""

from pathlib import Path

import pytest
from django.db import DatabaseError
from django.test import Client
from pytest_django import Settings

from retrieval.api import health
from retrieval.encoders.prepared import GRAPH, NAME, RECORD, WEIGHTS


@pytest.fixture
def everything_there(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Path:
    """All that a test process does not have of its own: Redis, and a built encoder."""
    monkeypatch.setitem(health.CHECKS, "redis", lambda: None)
    folder = tmp_path / NAME
    folder.mkdir()
    for name in (GRAPH, WEIGHTS, RECORD):
        (folder / name).touch()
    settings.RAGSITE_MODELS_FOLDER = tmp_path
    return folder


def test_a_living_process_says_so_without_a_database() -> None:
    assert Client().get("/livez").json() == {"status": "alive"}


@pytest.mark.django_db
def test_a_process_with_everything_it_needs_is_ready(everything_there: Path) -> None:
    response = Client().get("/readyz")

    assert response.status_code == 200
    assert set(response.json()["checks"]) == {"database", "redis", "migrations", "encoder"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["database", "redis", "migrations", "encoder"])
def test_a_process_that_lacks_something_names_it_and_not_where_it_is(
    name: str, everything_there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise DatabaseError("connection to postgresql://owner:hunter2@db.internal failed")

    monkeypatch.setitem(health.CHECKS, name, fails)

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert [check for check, seen in response.json()["checks"].items() if not seen["ready"]] == [name]
    assert "hunter2" not in response.content.decode()
    assert "internal" not in response.content.decode()


@pytest.mark.django_db
def test_a_process_without_the_encoders_graph_is_not_ready(everything_there: Path) -> None:
    (everything_there / GRAPH).unlink()

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert "prepare_encoder" in response.json()["checks"]["encoder"]["detail"]


def test_a_redis_that_is_away_is_noticed(settings: Settings, tmp_path: Path) -> None:
    settings.CELERY_BROKER_URL = f"redis+socket://{tmp_path}/nobody.sock"

    assert health.outcome_of("redis", health.redis_answers) == {
        "ready": False,
        "detail": "Redis does not answer.",
    }


@pytest.mark.django_db
def test_waiting_migrations_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    health.no_migration_waits.cache_clear()
    monkeypatch.setattr(
        health.MigrationExecutor, "migration_plan", lambda self, targets: [("0099_more", False)]
    )

    assert not health.outcome_of("migrations", health.migrations_are_applied)["ready"]
