"""The owner's connection, for the steps that make and rename tables; rows are written by the application's role."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import OperationalError, connections, transaction
from psycopg import errors

from retrieval.errors import ReembeddingRefused

log = structlog.get_logger()

T = TypeVar("T")

ADVISORY = 2026_0020
# How long a step may stand in a queue for its lock, because everybody else then stands behind it.
READERS_WAIT_MS, WRITERS_WAIT_MS = 200, 2_000
TRIES = 150
PAUSE_SECONDS = 0.1, 0.4
# The server needs a moment to notice that a process was killed.
LEAVING_TRIES, LEAVING_SECONDS = 20, 0.2


def owner() -> Any:
    return connections["owner"]


def application_role() -> str:
    return str(settings.DATABASES["default"]["USER"])


@contextmanager
def alone() -> Iterator[None]:
    """Keep every other re-embedding away, until the block ends or its process does.

    Raises ReembeddingRefused when another one is at it.
    """
    with owner().cursor() as cursor:
        # Or the server would go on building for a process that was killed, and keep its lock until the end.
        cursor.execute("set client_connection_check_interval = '500ms'")
        if not any(map(_locked, [cursor] * LEAVING_TRIES)):
            raise ReembeddingRefused(
                "Another process is re-embedding this index. Wait for it, or stop it and begin again."
            )
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [ADVISORY])


def _locked(cursor: Any) -> bool:
    if cursor.execute("select pg_try_advisory_lock(%s)", [ADVISORY]).fetchone()[0]:
        return True
    time.sleep(LEAVING_SECONDS)
    return False


def briefly(work: Callable[[Any], T], wait_ms: int = READERS_WAIT_MS) -> T:
    """Run `work` in one transaction of the owner's that never waits long for a lock; try again if it must.

    work: takes a cursor. Raises ReembeddingRefused when the lock was never to be had.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic(using="owner"), owner().cursor() as cursor:
                cursor.execute(f"set local lock_timeout = {int(wait_ms)}")
                return work(cursor)
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected):
                raise
            log.info("reembedding.waits", error=type(error.__cause__).__name__)
            # At random, so that it does not meet the same long transaction in step each time.
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311
    raise ReembeddingRefused(
        f"The index was locked by others each of {TRIES} times. Look for a transaction that stays open"
        " (pg_stat_activity), and run this again; it goes on where it stopped."
    )
