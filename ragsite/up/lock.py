"""One supervisor a checkout."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragsite.embedded.errors import CannotStart


class AlreadyRunning(CannotStart):
    """Another supervisor holds the checkout."""


@contextmanager
def sole_supervisor(home: Path, address: str) -> Iterator[None]:
    """Hold the checkout; raises AlreadyRunning when somebody does. The kernel lets go when we die."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_who_runs(file.read())) from None
        file.seek(0)
        file.truncate()
        json.dump({"process": os.getpid(), "address": address}, file)
        file.flush()
        yield


def _who_runs(written: str) -> str:
    try:
        holder = json.loads(written)
    except ValueError:
        return "ragsite is already starting in this checkout; wait for it or stop it."
    return (
        f"ragsite already runs in this checkout at {holder['address']} (process {holder['process']}); "
        f"stop it with Ctrl-C where it runs, or with 'kill {holder['process']}'."
    )
