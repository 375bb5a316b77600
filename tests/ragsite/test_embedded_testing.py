"""Services for tests: apart from each other and from the installation's own."""

import os
import subprocess
import sys
from pathlib import Path

from ragsite.embedded.testing import JOIN, start
from tests.ragsite.homes import a_home
from tests.ragsite.up_program import ROOT


def run_beside_services(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in (JOIN, "RAGSITE_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "ragsite.embedded.testing", "run", "--", "sh", "-c", command],
        cwd=ROOT,
        env={**environment, "RAGSITE_HOME": str(home), "DATABASE_URL": "postgresql://production/ragsite"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_runs_beside_services_of_its_own_and_its_status_is_ours() -> None:
    with a_home() as places:
        done = run_beside_services(
            places.home, 'echo "$RAGSITE_HOME $DATABASE_URL"; test -S "$RAGSITE_HOME/run/redis.sock"; exit 7'
        )
        second = run_beside_services(places.home, "exit 0")

        assert done.stdout.strip() == str(places.home / "test" / "0")
        assert (done.returncode, second.returncode) == (7, 0)


def test_whoever_runs_inside_joins() -> None:
    with start() as environment:
        assert environment["RAGSITE_HOME"] == os.environ[JOIN]
