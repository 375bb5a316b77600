"""`manage.py reembed` in a process of its own: `python -m tests.retrieval.reembedding.process POINT DATABASE ARGS...`.

POINT is where it is killed, by SIGKILL in the middle of a call; "-": nowhere. The next encoder comes from the
environment, as it does in an installation.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

# What is killed, and at which call: before it has any effect, or right after.
POINTS: dict[str, tuple[str, str, int, bool]] = {
    "before the table is made": ("retrieval.reembedding.run", "begin", 1, False),
    "with the table made and not committed": ("retrieval.reembedding.run", "begin", 1, True),
    "before anything is filled": ("retrieval.reembedding.run", "fill", 1, False),
    "while a batch is encoded": ("retrieval.encoders.openai.RemoteEncoder", "encode", 2, False),
    "with a batch inserted": ("retrieval.reembedding.fill", "insert", 1, True),
    "with everything filled": ("retrieval.reembedding.run", "fill", 1, True),
    "between two parts of the graph": ("retrieval.reembedding.graph", "build_leaf", 3, True),
    "before a part of the graph is attached": ("retrieval.reembedding.graph", "attach", 4, False),
    "with the graph built": ("retrieval.reembedding.run", "build_graph", 1, True),
    "with everything verified": ("retrieval.reembedding.run", "verify", 1, True),
    "with the switch recorded and not committed": ("retrieval.reembedding.switch", "record", 1, True),
    "before anything is renamed": ("retrieval.reembedding.switch", "renamed", 1, True),
    "with the index switched": ("retrieval.reembedding.run", "switch", 1, True),
    "before the old table is dropped": ("retrieval.reembedding.run", "drop_old", 1, False),
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
    from importlib import import_module

    from django.utils.module_loading import import_string

    return import_string(place) if place.rpartition(".")[2][0].isupper() else import_module(place)


def main() -> None:
    point, database, *arguments = sys.argv[1:]
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    for alias in ("default", "owner"):
        settings.DATABASES[alias]["NAME"] = database
    if point != "-":
        die_at(point)
    call_command("reembed", *arguments)


if __name__ == "__main__":
    main()
