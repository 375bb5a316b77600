"""Every check, one line each: `python -m ragsite.up.checks [pytest's arguments]`."""

# ruff: noqa: S603  (every command is put together here, none from what somebody sent)

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragsite.embedded.testing import ROOT

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One command that succeeds or shows why not."""

    name: str
    command: Sequence[str]
    shown: bool = False  # pass its output through, instead of showing it only when it fails


def checks(pytest_arguments: Sequence[str]) -> list[Check]:
    beside_services = (sys.executable, "-m", "ragsite.embedded.testing", "run", "--")
    pytest = (sys.executable, "-m", "pytest", "-q", "-rs", f"-n{os.cpu_count() or 2}", *pytest_arguments)
    return [
        Check(name="format", command=(str(BIN / "ruff"), "format", "--check", ".")),
        Check(name="lint", command=(str(BIN / "ruff"), "check", ".")),
        Check(name="imports", command=(str(BIN / "lint-imports"),)),
        Check(
            name="migrations",
            command=(*beside_services, sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"),
        ),
        Check(name="types", command=(*beside_services, str(BIN / "mypy"), ".")),
        Check(name="tests", command=(*beside_services, *pytest), shown=True),
    ]


def passes(check: Check) -> bool:
    """Run the check and print its line."""
    if check.shown:
        say(f"{check.name}:")
    started = time.monotonic()
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        check=False,
        text=True,
        stdout=None if check.shown else subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    seconds = time.monotonic() - started
    passed = done.returncode == 0
    if not passed and done.stdout:
        say(done.stdout.rstrip())
    say(f"{check.name:<12}{'passed' if passed else 'FAILED':<8}{seconds:7.1f} s")
    return passed


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(pytest_arguments: Sequence[str]) -> int:
    started = time.monotonic()
    if shutil.which("chromium") is None:
        say("Chromium is not on this machine: the browser tests will not run.")
    failed = [check.name for check in checks(pytest_arguments) if not passes(check)]
    seconds = time.monotonic() - started
    if failed:
        say(f"FAILED after {seconds:.0f} s: {', '.join(failed)}")
        return 1
    say(f"Every check passed in {seconds:.0f} s.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
