"""Waiting for another process to do something, for as long as a loaded machine may take."""

import threading
from collections.abc import Callable

SECONDS_MAX = 120


def eventually(holds: Callable[[], bool]) -> None:
    """Return once it holds. Raises AssertionError when it never does."""
    pause = threading.Event()
    for _ in range(SECONDS_MAX * 10):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError(f"It did not come about within {SECONDS_MAX} seconds.")
