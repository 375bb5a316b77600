"""What `make up` starts, and where."""

import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragsite.embedded.errors import CannotStart
from ragsite.embedded.paths import Places

HOST = "127.0.0.1"
WORKER_PROCESSES = 2
# An open stream would hold uvicorn for ever.
WEB_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of ragsite; its output goes to the log of its name."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the supervisor needs to know."""

    root: Path
    places: Places
    port: int
    prepare: Sequence[str]  # brings the database up to date; says what it does
    parts: Sequence[Part]
    database_url: str = ""  # given: no PostgreSQL of our own
    redis_url: str = ""  # given: no Redis of our own

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"RAGSITE_HOME": str(self.places.home), "PYTHONUNBUFFERED": "1"}


def usual_plan(root: Path, places: Places, port: int, *, database_url: str, redis_url: str) -> Plan:
    """The whole of ragsite at `port`."""
    return Plan(
        root=root,
        places=places,
        port=port,
        prepare=_python("ragsite.up.prepare"),
        parts=(_web(port), _worker(), _beat(places)),
        database_url=database_url,
        redis_url=redis_url,
    )


def check_port(port: int) -> None:
    """Raises CannotStart when nobody could listen at `port`."""
    if not 0 < port < 65536:
        raise CannotStart(f"PORT should be between 1 and 65535, and is {port}.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the web server does it: a port that is only cooling down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise CannotStart(
                f"Port {port} is reserved for root; choose one from 1024 on: make up PORT=8001."
            ) from None
        except OSError:
            raise CannotStart(
                f"Port {port} is taken by another program; choose another: make up PORT={port + 1}."
            ) from None


def _python(module: str, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *options)


def _web(port: int) -> Part:
    return Part(
        name="web",
        command=_python(
            "uvicorn",
            "ragsite.asgi:application",
            f"--host={HOST}",
            f"--port={port}",
            "--no-access-log",
            "--no-server-header",
            f"--timeout-graceful-shutdown={WEB_GRACE_SECONDS}",
        ),
    )


def _worker() -> Part:
    options = (
        "worker",
        f"--concurrency={WORKER_PROCESSES}",
        "--loglevel=INFO",
        "--without-mingle",
        "--without-gossip",
    )
    # The process number keeps the workers of two checkouts on one external Redis apart.
    return Part(
        name="worker",
        command=_python("celery", "-A", "ragsite", *options, f"--hostname=ragsite-{os.getpid()}@%h"),
    )


def _beat(places: Places) -> Part:
    schedule = places.home / "beat" / "schedule"
    return Part(
        name="beat",
        command=_python("celery", "-A", "ragsite", "beat", "--loglevel=INFO", f"--schedule={schedule}"),
    )
