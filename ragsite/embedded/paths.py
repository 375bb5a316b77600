"""Where one checkout keeps its services, decided from the checkout's path and the user alone."""

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

# A unix socket's path has at most 107 bytes on Linux (sun_path); PostgreSQL's own file name in the
# run folder takes 18 of them, and a lock file beside it five more.
RUN_FOLDER_BYTES_MAX = 80

# The folder is named in connection URLs and lists of hosts, in which other characters mean something.
PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")

# Not tempfile.gettempdir(): the answer must not change with a shell's TMPDIR.
SHORT_GROUND = Path("/tmp")  # noqa: S108  (the folder is checked to be ours before use)

# PostgreSQL refuses to run as root, and whoever it runs as instead may be unable to enter a checkout
# below a closed folder such as /root. Its files then live here.
OPEN_GROUND = Path("/var/lib/ragsite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders of one installation: `home`, and `ground` for what the services write themselves."""

    home: Path

    @property
    def ground(self) -> Path:
        """Where PostgreSQL and Redis keep their files: `home`, save for root in a closed folder."""
        if os.geteuid() != 0 or is_open_to_others(self.home.parent):
            return self.home
        return OPEN_GROUND / self._mark

    @property
    def postgres_data(self) -> Path:
        return self.ground / "postgres"

    @property
    def redis_data(self) -> Path:
        return self.ground / "redis"

    @property
    def files(self) -> Path:
        return self.home / "files"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets.json"

    @property
    def run(self) -> Path:
        """Folder of the unix sockets: short, and the same for every process of this checkout."""
        inside = self.ground / "run"
        if len(os.fsencode(inside)) <= RUN_FOLDER_BYTES_MAX and PLAIN_PATH.fullmatch(str(inside)):
            return inside
        return SHORT_GROUND / f"ragsite-{os.getuid()}-{self._mark}"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    @property
    def _mark(self) -> str:
        return hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]


def places(root: Path, name: str = ".ragsite") -> Places:
    """The places of the checkout at `root`; `RAGSITE_HOME` moves them."""
    chosen = os.environ.get("RAGSITE_HOME")
    return Places(home=(Path(chosen) if chosen else root / name).resolve())


def is_open_to_others(folder: Path) -> bool:
    """Whether any account may pass through `folder` and all folders above it; absent ones count as open."""
    return all(
        ancestor.stat().st_mode & stat.S_IXOTH for ancestor in (folder, *folder.parents) if ancestor.exists()
    )
