"""Child processes that never outlive us."""

# ruff: noqa: S603  (every command is put together here, none from what somebody sent)

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from ragsite.embedded.account import Account
from ragsite.embedded.errors import CannotStart

# In the environment of every child and its children: tells whose they are after we are gone.
MARK = "RAGSITE_SUPERVISED_HOME"

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

# Sleeps about so many seconds; may raise to end the wait.
Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One child process, leader of a process group of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None
    end_signal: signal.Signals

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def last_lines(self, lines_max: int = 15) -> list[str]:
        if self.log is None or not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-lines_max:]

    def last_words(self) -> str:
        """Why it ended, as far as its log and the log's disk tell, in one line."""
        lines = self.last_lines(30)
        if any("No space left on device" in line for line in lines) or self._has_no_room():
            return "the disk is full; make room and run 'make up' again."
        complaints = [line for line in lines if re.search("error|fatal|could not", line, re.IGNORECASE)]
        return " ".join((complaints or lines or ["no reason given"])[-1].split())

    def _has_no_room(self) -> bool:
        return self.log is not None and shutil.disk_usage(self.log.parent).free == 0


@dataclass(slots=True, kw_only=True)
class Children:
    """The children of one installation; `end_all` ends them in the reverse order of their start."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    running: list[Child] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path | None = None,
        folder: Path | None = None,
        account: Account | None = None,
        end_signal: signal.Signals = signal.SIGTERM,
    ) -> Child:
        """Start `command`, which ends by `end_signal` when we end; without `log` it writes where we do."""
        output = None if log is None else _fresh_log(log)
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder or Path("/"),
                env={**os.environ, **self.environment, MARK: str(self.home)},
                # A group of its own: Ctrl-C in the terminal reaches us alone, and we end the rest in order.
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                umask=0o077,
                preexec_fn=_end_with(os.getpid(), end_signal),
            )
        finally:
            if output is not None:
                os.close(output)
        child = Child(name=name, process=process, log=log, end_signal=end_signal)
        self.running.append(child)
        return child

    def first_dead(self) -> Child | None:
        return next((child for child in self.running if not child.alive), None)

    def end(self, children: Sequence[Child], patience_seconds: float = 10) -> None:
        """End these together, kindly at first, and all their own children."""
        for child in children:
            if child.alive:
                child.process.send_signal(child.end_signal)
        until = time.monotonic() + patience_seconds
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, until - time.monotonic()))
            _kill_group(child.process.pid)
            child.process.kill()
            child.process.wait()
            self.running.remove(child)

    def end_all(self) -> None:
        """End what runs, the last started first, and whatever those left behind."""
        for child in reversed(tuple(self.running)):
            self.end([child], patience_seconds=20)
        sweep(self.home, patience_seconds=3)


def adopt_orphans() -> None:
    """Become the parent of our children's orphans, so that nothing of ours is lost sight of (Linux)."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Have the kernel send us SIGTERM when our parent dies (Linux)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_for(condition: Callable[[], bool], child: Child, *, pause: Pause, seconds_max: float) -> None:
    """Return once `condition` holds; raises CannotStart when the child dies before or the time is up."""
    until = time.monotonic() + seconds_max
    while not condition():
        if not child.alive:
            raise CannotStart(f"{child.name} ended while starting: {child.last_words()}")
        if time.monotonic() > until:
            raise CannotStart(
                f"{child.name} did not come up within {seconds_max:.0f} seconds; its log is {child.log}."
            )
        pause(0.02)


def find_supervised(home: Path) -> list[psutil.Process]:
    """Processes that a start for `home` left behind, ours excepted; found by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(home) and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def sweep(home: Path, patience_seconds: float = 10) -> int:
    """End every process an earlier or the present start for `home` left behind; returns their number."""
    found = find_supervised(home)
    for process in found:
        # PostgreSQL takes SIGTERM as "when the last client has left" and SIGINT as "now, in order".
        _signal(process, signal.SIGINT if _is_postgres(process) else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(found, timeout=patience_seconds)
    for process in stubborn:
        _signal(process, signal.SIGQUIT if _is_postgres(process) else signal.SIGKILL)
    _, stubborn = psutil.wait_procs(stubborn, timeout=patience_seconds / 2)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=2)
    return len(found)


def _is_postgres(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.name().startswith("postgres")
    return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process.send_signal(number)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _fresh_log(path: Path) -> int:
    """A descriptor of an empty log; the one of the start before is kept beside it."""
    if path.exists():
        path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _end_with(parent: int, end_signal: signal.Signals) -> Callable[[], None]:
    """What a child does before its program: ask the kernel for `end_signal` at our death (Linux)."""

    def arrange() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, end_signal)
        # We may have died before the request was in force.
        if os.getppid() != parent:
            os._exit(1)

    return arrange
