"""Whether the process lives, and whether it can do its work. Both say nothing about anybody's data."""

from collections.abc import Callable
from functools import cache

import structlog
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from redis import Redis

from retrieval.encoders.prepared import GRAPH, NAME, RECORD, WEIGHTS

log = structlog.get_logger()

REDIS_SECONDS_MAX = 1.0


class NotReady(Exception):
    """A check failed; the message is fixed text that may be shown to anybody."""


@require_safe
async def livez(request: HttpRequest) -> HttpResponse:
    """The event loop turns. No I/O: a database that is down is no reason to restart this process."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Each thing this process needs, with 503 when one is missing."""
    checks = {name: outcome_of(name, check) for name, check in CHECKS.items()}
    ready = all(check["ready"] for check in checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


def outcome_of(name: str, check: Callable[[], None]) -> dict[str, object]:
    try:
        check()
    except NotReady as reason:
        return {"ready": False, "detail": str(reason)}
    except Exception as error:
        # Driver messages name hosts and users; only the log gets even the class.
        log.warning("readiness.failed", check=name, error=type(error).__name__)
        return {"ready": False, "detail": SILENT[name]}
    return {"ready": True}


def database_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select 1")


def redis_answers() -> None:
    url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
    with Redis.from_url(
        url, socket_timeout=REDIS_SECONDS_MAX, socket_connect_timeout=REDIS_SECONDS_MAX
    ) as redis:
        redis.ping()


def migrations_are_applied() -> None:
    if not no_migration_waits():
        no_migration_waits.cache_clear()
        raise NotReady("Migrations are waiting to be applied.")


@cache
def no_migration_waits() -> bool:
    # Remembered once true: this process's own migrations cannot change under it.
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def encoder_is_prepared() -> None:
    if settings.RAGSITE_ENCODER != "local":
        return
    folder = settings.RAGSITE_MODELS_FOLDER / NAME
    if not all((folder / name).is_file() for name in (GRAPH, WEIGHTS, RECORD)):
        raise NotReady("The encoder's graph is not built yet; 'manage.py prepare_encoder' builds it.")


CHECKS: dict[str, Callable[[], None]] = {
    "database": database_answers,
    "redis": redis_answers,
    "migrations": migrations_are_applied,
    "encoder": encoder_is_prepared,
}
SILENT = {
    "database": "The database does not answer.",
    "redis": "Redis does not answer.",
    "migrations": "The state of the migrations cannot be read.",
    "encoder": "The encoder's folder cannot be read.",
}
