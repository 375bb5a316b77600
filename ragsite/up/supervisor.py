"""Starts the services and the processes of ragsite, watches them, and ends them in order."""

import http.client
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import psycopg

from ragsite.embedded.children import Child, Children, wait_for
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.services import Services
from ragsite.up.logins import login_lines
from ragsite.up.plan import HOST, Plan
from ragsite.up.prepared import Prepared, fingerprint
from ragsite.up.screen import Screen

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS_MAX = 90


class StopRequested(Exception):
    """A signal asked us to stop; raised where we wait."""


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs one plan from start to end."""

    plan: Plan
    screen: Screen
    children: Children = field(init=False)
    parts: list[Child] = field(init=False, default_factory=list)
    signals_seen: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.children = Children(home=self.plan.places.home, environment=self.plan.environment)

    def serve(self) -> int:
        """Start everything and watch until a signal comes; returns the exit status.

        Raises CannotStart when something does not start or ends by itself. Nothing is left running.
        """
        started = time.monotonic()
        with self._ended_in_order():
            self._start_services()
            self._start_parts()
            self._announce(time.monotonic() - started)
            self._watch()
        return 0

    def run(self, command: Sequence[str]) -> int:
        """Run one command beside the services instead of ragsite itself; returns its exit status."""
        with self._ended_in_order():
            self._start_services()
            child = self.children.start("command", command, folder=self.plan.root)
            while child.alive:
                self.pause(0.05)
            return child.process.returncode
        return 0

    def pause(self, seconds: float) -> None:
        if not self.signals_seen:
            time.sleep(seconds)
        if self.signals_seen:
            raise StopRequested

    @contextmanager
    def _ended_in_order(self) -> Iterator[None]:
        for number in SIGNALS:
            signal.signal(number, self._note_signal)
        try:
            yield
        except StopRequested:
            self.screen.say()
        finally:
            with self.screen.step("Stopping"):
                self.children.end([part for part in self.parts if part in self.children.running])
                self.children.end_all()

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        """The first signal ends what we wait for; another one ends ragsite's processes at once."""
        self.signals_seen += 1
        if self.signals_seen > 1:
            for part in self.parts:
                part.process.kill()

    def _start_services(self) -> None:
        services = Services(places=self.plan.places, children=self.children, pause=self.pause)
        secrets = services.prepare()
        record = Prepared(home=self.plan.places.home)
        if self.plan.database_url:
            check_database(self.plan.database_url)
            record.remember(fingerprint="")
        else:
            with self.screen.step("Starting PostgreSQL 18 with pgvector"):
                if services.start_postgres(secrets):
                    record.forget()
        if not self.plan.redis_url:
            with self.screen.step("Starting Redis"):
                services.start_redis()
        if not record.holds_for(fingerprint(self.plan.root)):
            self._prepare()

    def _prepare(self) -> None:
        log = self.plan.places.logs / "prepare.log"
        log.unlink(missing_ok=True)
        child = self.children.start("preparation", self.plan.prepare, folder=self.plan.root)
        while child.alive:
            self.pause(0.02)
        self.children.end([child])
        if child.process.returncode:
            lines = log.read_text().splitlines() if log.exists() else []
            raise CannotStart(f"Preparing failed: {lines[-1] if lines else 'see above'} (more in {log})")

    def _start_parts(self) -> None:
        (self.plan.places.home / "beat").mkdir(exist_ok=True)
        with self.screen.step(f"Starting {', '.join(part.name for part in self.plan.parts)}"):
            for part in self.plan.parts:
                log = self.plan.places.logs / f"{part.name}.log"
                self.parts.append(
                    self.children.start(part.name, part.command, log=log, folder=self.plan.root)
                )
            wait_for(self._is_ready, self.parts[0], pause=self.pause, seconds_max=READY_SECONDS_MAX)

    def _is_ready(self) -> bool:
        self._check_alive()
        return answers_ready(self.plan.port)

    def _watch(self) -> None:
        while True:
            self._check_alive()
            self.pause(0.2)

    def _check_alive(self) -> None:
        dead = self.children.first_dead()
        if dead is None:
            return
        for line in dead.last_lines():
            self.screen.say(f"    {line}")
        raise CannotStart(
            f"{dead.name} ended unexpectedly with status {dead.process.returncode}, so everything stops; "
            f"the end of its log {dead.log} is above."
        )

    def _announce(self, seconds: float) -> None:
        say = self.screen.say
        say(f"\nragsite is ready after {seconds:.1f} s:  {self.plan.address}\n")
        lines = login_lines(self.plan.places.home / "logins.json")
        for line in lines:
            say(f"    {line}")
        say(("\n" if lines else "") + f"Logs are in {self.plan.places.logs}. Ctrl-C stops everything.")


def answers_ready(port: int) -> bool:
    """Whether /readyz answers 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check_database(url: str) -> None:
    """Raises CannotStart when the database of DATABASE_URL does not let us in."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise CannotStart(f"The database of DATABASE_URL does not answer: {reason}") from error
