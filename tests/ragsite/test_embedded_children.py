"""No child outlives its supervisor, whatever becomes of either."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from ragsite.embedded.children import MARK, Children, find_supervised, sweep, wait_for
from ragsite.embedded.errors import CannotStart

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)",
]
# A grandchild in a session of its own, out of reach of its parent's process group.
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
    "print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(home=tmp_path)
    yield made
    made.end_all()


def start(children: Children, command: list[str], name: str = "child") -> psutil.Process:
    """Start the command and wait for its first word."""
    log = children.home / f"{name}.log"
    child = children.start(name, command, log=log)
    wait_for(lambda: "up" in log.read_text(), child, pause=lambda seconds: None, seconds_max=30)
    return psutil.Process(child.process.pid)


@pytest.mark.parametrize("command", [SLEEPER, PARENT, STUBBORN], ids=["sleeper", "parent", "stubborn"])
def test_ending_leaves_no_process(children: Children, command: list[str]) -> None:
    start(children, command)

    children.end([children.running[0]], patience_seconds=0.2)
    children.end_all()

    assert find_supervised(children.home) == []
    assert children.running == []


def test_ctrl_c_in_our_terminal_does_not_reach_a_child(children: Children) -> None:
    child = start(children, SLEEPER)

    assert os.getsid(child.pid) != os.getsid(0)


def test_a_grandchild_out_of_reach_of_signals_is_found_by_its_mark(children: Children) -> None:
    start(children, PARENT)

    assert len(find_supervised(children.home)) == 2


def test_the_processes_of_another_home_are_left_alone(children: Children, tmp_path: Path) -> None:
    other = start(children, SLEEPER)

    sweep(tmp_path / "another")

    assert other.is_running()


def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from ragsite.embedded.children import Children;"
        f"child = Children(home=pathlib.Path({str(tmp_path)!r})).start('child', {SLEEPER!r});"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        (child,) = find_supervised(tmp_path)
        supervisor.kill()

        _, alive = psutil.wait_procs([child], timeout=10)

    # A dead child that nobody has asked for yet is a zombie: dead all the same.
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("command", [SLEEPER, STUBBORN], ids=["sleeper", "stubborn"])
def test_what_a_start_left_behind_is_ended_by_the_next(tmp_path: Path, command: list[str]) -> None:
    with subprocess.Popen(
        command, env={**os.environ, MARK: str(tmp_path)}, stdout=subprocess.PIPE
    ) as left_behind:
        assert left_behind.stdout is not None
        left_behind.stdout.readline()

        assert sweep(tmp_path, patience_seconds=0.2) == 1
        assert find_supervised(tmp_path) == []


def test_a_child_that_dies_while_starting_is_named_with_its_last_words(children: Children) -> None:
    child = children.start(
        "Redis", [sys.executable, "-c", "print('no room'); exit(1)"], log=children.home / "child.log"
    )

    with pytest.raises(CannotStart, match="Redis ended while starting: no room"):
        wait_for(lambda: False, child, pause=lambda seconds: None, seconds_max=30)


def test_a_full_disk_is_named_as_the_cause_whatever_else_the_log_says(children: Children) -> None:
    says = "print('PANIC: could not write: No space left on device'); print('child process exited')"
    child = children.start("PostgreSQL", [sys.executable, "-c", says], log=children.home / "child.log")

    with pytest.raises(CannotStart, match="the disk is full; make room"):
        wait_for(lambda: False, child, pause=lambda seconds: None, seconds_max=30)


def test_a_child_that_never_comes_up_is_given_up(children: Children) -> None:
    start(children, SLEEPER)

    with pytest.raises(CannotStart, match="did not come up within 0 seconds"):
        wait_for(lambda: False, children.running[0], pause=lambda seconds: None, seconds_max=0)


def test_the_log_of_the_start_before_is_kept_and_nobody_else_reads_either(children: Children) -> None:
    start(children, SLEEPER)
    start(children, SLEEPER)

    logs = [children.home / name for name in ("child.log", "child.log.1")]
    assert [log.read_text() for log in logs] == ["up\n", "up\n"]
    assert {log.stat().st_mode & 0o777 for log in logs} == {0o600}
