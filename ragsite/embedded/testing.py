"""PostgreSQL and Redis for tests: apart from the installation's own, and fast at the price of durability.

`python -m ragsite.embedded.testing run [--durable] -- COMMAND...` runs a command beside them.
"""

# ruff: noqa: S603  (every command is put together here, none from what somebody sent)

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ragsite.embedded.children import Children, adopt_orphans
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.paths import Places, places
from ragsite.embedded.services import Services

ROOT = Path(__file__).resolve().parent.parent.parent

# Set where services run already: whoever sees it, a worker of a parallel test run, joins them.
JOIN = "RAGSITE_TEST_SERVICES"

# So many test runs may go on in one checkout at the same time, each with services of its own.
SLOTS_MAX = 16


@contextmanager
def start(durable: bool = False) -> Iterator[Mapping[str, str]]:
    """Run services for as long as the context lasts, or join those of the process that started us.

    durable: flush to disk as in production, for measurements; tests do without.

    Yields the variables that lead Django there; they are in `os.environ` meanwhile. Raises CannotStart.
    """
    if os.environ.get(JOIN):
        yield {"RAGSITE_HOME": os.environ["RAGSITE_HOME"]}
        return
    with _free_slot() as home, _environment_of(home) as environment:
        children = Children(home=home)
        try:
            _start_services(Places(home=home), children, durable)
            yield environment
        finally:
            children.end_all()


def _start_services(places_: Places, children: Children, durable: bool) -> None:
    services = Services(places=places_, children=children, pause=time.sleep, durable=durable)
    secrets = services.prepare()
    # The encoder's graph is the same for everybody; one copy serves all slots.
    shared = places_.home.parent / "models"
    shared.mkdir(exist_ok=True)
    if not places_.models.is_symlink():
        places_.models.symlink_to(shared)
    services.start_postgres(secrets)
    services.start_redis()


@contextmanager
def _free_slot() -> Iterator[Path]:
    """The first test home that no other run uses; its data folder saves the next run a second."""
    parent = places(ROOT).home / "test"
    parent.mkdir(parents=True, exist_ok=True)
    for folder in (parent.parent, parent):
        if os.geteuid() == 0:
            folder.chmod(0o711)
    for number in range(SLOTS_MAX):
        with (parent / f"{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield parent / str(number)
            return
    raise CannotStart(f"{SLOTS_MAX} test runs are going on in this checkout; wait for one to end.")


@contextmanager
def _environment_of(home: Path) -> Iterator[dict[str, str]]:
    """Lead this process and its children to `home`, and away from any database named by its shell."""
    before = dict(os.environ)
    chosen = {"RAGSITE_HOME": str(home), JOIN: str(home)}
    for elsewhere in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(elsewhere, None)
    os.environ.update(chosen)
    try:
        yield chosen
    finally:
        os.environ.clear()
        os.environ.update(before)


def run(command: Sequence[str], durable: bool = False) -> int:
    """Run `command` beside the services, from the checkout's folder; returns its exit status."""
    ended: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        ended.append(number)
        # The terminal sends Ctrl-C to the command itself.
        if process is not None and number != signal.SIGINT:
            process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    with start(durable):
        if not ended:
            process = subprocess.Popen(command, cwd=ROOT)
            return process.wait()
    return 128 + ended[0]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ragsite.embedded.testing", description=__doc__)
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("--durable", action="store_true", help="flush to disk as in production")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND")
    chosen = parser.parse_args(arguments)
    adopt_orphans()
    try:
        return run(chosen.command, durable=chosen.durable)
    except CannotStart as reason:
        sys.stderr.write(f"The test services cannot start: {reason}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
