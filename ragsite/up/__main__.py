"""`python -m ragsite.up`: start ragsite and watch over it; `... run -- COMMAND` runs one command instead."""

# ruff: noqa: S603  (every command is put together here, none from what somebody sent)

import argparse
import errno
import os
import subprocess
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from ragsite.embedded.children import adopt_orphans, end_with_parent
from ragsite.embedded.errors import CannotStart
from ragsite.env import ROOT, Environment, environment, home
from ragsite.up.lock import AlreadyRunning, sole_supervisor
from ragsite.up.plan import Plan, check_port, usual_plan
from ragsite.up.screen import Screen
from ragsite.up.supervisor import Supervisor


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _arguments(arguments)
    adopt_orphans()
    if chosen.end_with_parent:
        end_with_parent()
    try:
        return _serve(chosen.port) if chosen.verb == "serve" else _run(chosen.command)
    except CannotStart as reason:
        sys.stdout.flush()
        return _refuse(str(reason))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _refuse("The disk is full; make room and run 'make up' again.")


def _refuse(reason: str) -> int:
    sys.stderr.write(f"ragsite: {reason}\n")
    return 1


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ragsite.up", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the starting program dies")
    parser.add_argument("verb", nargs="?", choices=["serve", "run"], default="serve")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND")
    return parser.parse_args(arguments)


def _serve(port: int) -> int:
    plan = _plan(port)
    with sole_supervisor(plan.places.home, plan.address):
        check_port(port)
        return Supervisor(plan=plan, screen=Screen()).serve()


def _run(command: Sequence[str]) -> int:
    plan = _plan(port=8000)
    try:
        with sole_supervisor(plan.places.home, "no address: it runs a command"):
            return Supervisor(plan=plan, screen=Screen()).run(command)
    except AlreadyRunning:
        # The services are there already.
        return subprocess.run(command, cwd=ROOT, env=os.environ | plan.environment, check=False).returncode


def _plan(port: int) -> Plan:
    chosen = _environment()
    return usual_plan(
        ROOT,
        home(),
        port,
        database_url=chosen.database_url.get_secret_value(),
        redis_url=chosen.redis_url.get_secret_value(),
    )


def _environment() -> Environment:
    try:
        return environment()
    except ValidationError as error:
        first = error.errors()[0]
        raise CannotStart(f"The variable for '{first['loc'][0]}' is wrong: {first['msg']}.") from None


if __name__ == "__main__":
    sys.exit(main())
