"""A worker that is killed at one point of its work: `python -m tests.retrieval.ingestion.dying_worker POINT ...`.

It dies by SIGKILL in the middle of a call, so that no `finally` and no rollback of its own is run.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django

# What is killed, and at which call: before it has any effect, or right after.
POINTS: dict[str, tuple[str, str, int, bool]] = {
    "before the first word": ("retrieval.ingestion.leases", "move", 1, False),
    "after the scan": ("retrieval.ingestion.leases", "move", 1, True),
    "while reading": ("retrieval.ingestion.leases", "renew", 2, False),
    "with the text kept and not named": ("retrieval.ingestion.leases", "move", 2, False),
    "after the text": ("retrieval.ingestion.leases", "move", 2, True),
    "with the pieces kept and not named": ("retrieval.ingestion.leases", "move", 3, False),
    "after the pieces": ("retrieval.ingestion.leases", "move", 3, True),
    "inside the first batch": ("retrieval.search.index.PostgresChunkIndex", "add", 1, True),
    "inside a later batch": ("retrieval.search.index.PostgresChunkIndex", "add", 2, True),
    "while a batch is embedded": ("tests.retrieval.ingestion.parts.WordEncoder", "encode", 2, False),
    "before the version is whole": ("retrieval.ingestion.pipeline", "publish", 1, False),
    "with the version whole and not committed": ("retrieval.ingestion.pipeline", "publish", 1, True),
    "before the older version is tidied away": ("retrieval.ingestion.pipeline", "tidy", 1, False),
    "after all": ("retrieval.ingestion.pipeline", "tidy", 1, True),
}


def die_at(point: str) -> None:
    """Have the call that the point names be this process's last."""
    place, name, nth, afterwards = POINTS[point]
    owner = found(place)
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not afterwards:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)


def found(place: str) -> Any:
    from django.utils.module_loading import import_string

    return import_string(place) if place.rpartition(".")[2][0].isupper() else sys.modules[place]


def main() -> None:
    point, database, files, home, tenant_id, document_id = sys.argv[1:]
    django.setup()
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    settings.MEDIA_ROOT, settings.RAGSITE_HOME = files, home
    from retrieval.ingestion import pipeline
    from retrieval.ingestion.pipeline import ingest
    from tests.retrieval.ingestion.parts import some_ingestion

    pipeline.RENEWED_EVERY = 0.0  # each block is a point to die at
    components = some_ingestion()
    die_at(point)
    ingest(UUID(tenant_id), UUID(document_id), components)


if __name__ == "__main__":
    main()
