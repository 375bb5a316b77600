"""`make up` from start to end, with real services and small programs in place of ragsite's own."""

import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from ragsite.embedded.children import find_supervised, sweep
from ragsite.embedded.paths import Places
from ragsite.up.supervisor import answers_ready
from tests.ragsite import up_program
from tests.ragsite.homes import a_home, copy_of

DIES = "import time; print('the disk is on fire', flush=True); exit(3)"


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def supervised(places: Places, port: int, worker: str = up_program.WORKER) -> Iterator[subprocess.Popen[str]]:
    """A running supervisor; killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.ragsite.up_program", str(places.home), str(port), worker]
    process = subprocess.Popen(
        command, cwd=up_program.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            sweep(places.home)


def wait_for_processes(home: Places, number: int) -> None:
    """The worker starts its child when it gets to it, which may be after the door has opened."""
    for _ in range(200):
        found = find_supervised(home.home)
        if len(found) == number:
            return
        psutil.wait_procs(found, timeout=0.1)
    raise AssertionError(f"There were {len(found)} processes and never {number}.")


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """What the process wrote up to the line with `word`, or all of it."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            break
    return "".join(lines)


def test_a_start_says_what_it_does_and_where_the_door_is(home: Places, port: int) -> None:
    with supervised(home, port) as process:
        said = read_until(process, "Ctrl-C")

        assert answers_ready(port)
    steps = ("PostgreSQL", "Redis", "web, worker", f"http://127.0.0.1:{port}", str(home.logs))
    assert all(step in said for step in steps)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_and_leaves_no_process(
    home: Places, port: int, number: signal.Signals
) -> None:
    with supervised(home, port) as process:
        read_until(process, "Ctrl-C")
        wait_for_processes(home, 5)  # two servers, web, the worker and its own child
        process.send_signal(number)

        assert process.wait(timeout=60) == 0
    assert find_supervised(home.home) == []
    assert not (home.postgres_data / "postmaster.pid").exists()


def test_a_signal_during_the_start_ends_it_as_well(home: Places, port: int) -> None:
    with supervised(home, port) as process:
        read_until(process, "Starting PostgreSQL")
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == 0
    assert find_supervised(home.home) == []


def test_a_start_after_a_killed_one_recovers(home: Places, port: int) -> None:
    with supervised(home, port) as process:
        read_until(process, "Ctrl-C")
        process.kill()
    with supervised(home, port) as process:
        said = read_until(process, "Ctrl-C")
        process.terminate()

        assert process.wait(timeout=60) == 0
    assert "ready after" in said


def test_a_part_that_dies_is_named_and_takes_everything_down(home: Places, port: int) -> None:
    with supervised(home, port, worker=DIES) as process:
        said = read_until(process, "never said")

        assert process.wait(timeout=60) == 1
    assert "the disk is on fire" in said
    assert "ragsite: worker ended unexpectedly with status 3" in said
    assert find_supervised(home.home) == []


def test_a_taken_port_is_said_in_one_sentence_and_nothing_starts(bare_home: Places, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), supervised(bare_home, port) as process:
        said = read_until(process, "never said")

        assert process.wait(timeout=60) == 1
    assert said == (
        f"ragsite: Port {port} is taken by another program; choose another: make up PORT={port + 1}.\n"
    )
    assert not bare_home.postgres_data.exists()


def test_a_second_start_in_the_same_checkout_is_refused(home: Places, port: int) -> None:
    with supervised(home, port) as first:
        read_until(first, "Ctrl-C")
        with supervised(home, port + 1) as second:
            said = read_until(second, "never said")

            assert second.wait(timeout=60) == 1
            assert first.poll() is None
    assert f"already runs in this checkout at http://127.0.0.1:{port} (process {first.pid})" in said


def test_two_checkouts_run_side_by_side(home: Places, made_home: Places, port: int) -> None:
    with a_home("deep/" * 40 + "home") as other:
        copy_of(made_home, other)
        with supervised(home, port) as one, supervised(other, port + 1) as two:
            read_until(one, "Ctrl-C")
            read_until(two, "Ctrl-C")

            assert answers_ready(port)
            assert answers_ready(port + 1)


def test_an_unchanged_checkout_is_prepared_once(home: Places, port: int) -> None:
    for _ in range(2):
        with supervised(home, port) as process:
            read_until(process, "Ctrl-C")
            process.terminate()
            process.wait(timeout=60)

    assert (home.home / "prepared-times").read_text() == "once\n"


def test_nothing_in_the_home_is_open_to_others(home: Places, port: int) -> None:
    with supervised(home, port) as process:
        read_until(process, "Ctrl-C")
        files = [path for path in home.home.rglob("*") if path.is_file()]
        exposed = [path for path in files if is_exposed(path, home.home)]

    assert files
    assert exposed == []


def is_exposed(path: Path, home: Path) -> bool:
    """Whether others may read the file and pass through every folder between it and the home."""
    folders = [home / folder for folder in path.relative_to(home).parents]
    return bool(path.stat().st_mode & stat.S_IROTH) and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in folders
    )


def test_with_urls_of_other_servers_nothing_embedded_starts(home: Places, port: int) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.ragsite.up_program import plan_for;"
        "from ragsite.up.screen import Screen; from ragsite.up.supervisor import Supervisor;"
        f"plan = plan_for(Path({str(home.home)!r}), {port}, redis_url='redis://elsewhere');"
        "sys.exit(Supervisor(plan=plan, screen=Screen()).serve())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=up_program.ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        said = read_until(process, "Ctrl-C")
        names = {child.name() for child in psutil.Process(process.pid).children()}
        process.terminate()
        process.wait(timeout=60)

    assert "PostgreSQL" in said
    assert "Redis" not in said
    assert not any("redis" in name for name in names)


def test_a_terminal_that_is_gone_does_not_keep_it_from_ending_in_order(home: Places, port: int) -> None:
    with supervised(home, port) as process:
        read_until(process, "Ctrl-C")
        assert process.stdout is not None
        process.stdout.close()
        process.send_signal(signal.SIGHUP)

        process.wait(timeout=60)
    assert not (home.postgres_data / "postmaster.pid").exists()
