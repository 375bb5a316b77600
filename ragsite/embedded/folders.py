"""Folders that only we, or only the services' account, may enter; and room on their disk."""

import errno
import os
import shutil
import stat
from pathlib import Path

from ragsite.embedded.account import Account
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.paths import Places, is_open_to_others

MEGABYTE = 1024 * 1024

# A new cluster takes 40 MB and its first write-ahead log 16 more; PostgreSQL keeps up to 1 GB of log
# under load. Less than this and the first ingestion would end in the middle.
FREE_BYTES_MIN = 300 * MEGABYTE


def ensure_places(places: Places, account: Account | None) -> None:
    """Make the installation's folders; raises CannotStart when one cannot be ours."""
    # Another account must pass through on its way to its own folders, without seeing what is there.
    mode = 0o700 if account is None else 0o711
    try:
        for folder in {places.home, places.ground}:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        places.logs.mkdir(mode=0o700, exist_ok=True)
        for folder in (places.run, places.redis_data):
            ensure_private(folder, account)
    except OSError as error:
        raise cannot_write(places.home, error) from error


def ensure_private(folder: Path, account: Account | None) -> None:
    """Make `folder` with mode 0700 for the account (None: for us); a stranger's folder is refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    owners = {os.geteuid()} | ({account.uid} if account else set())
    # In /tmp anybody could have made a folder, or a link, of this name before us.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise CannotStart(f"{folder} belongs to somebody else; remove it and run 'make up' again.")
    folder.chmod(0o700)
    if account is not None:
        account.own(folder)


def ensure_space(folder: Path, free_bytes: int | None = None) -> None:
    """Raises CannotStart when the disk of `folder` is nearly full."""
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    if free < FREE_BYTES_MIN:
        raise CannotStart(
            f"The disk of {folder} has {free // MEGABYTE} MB free and ragsite needs "
            f"{FREE_BYTES_MIN // MEGABYTE} MB; make room and run 'make up' again."
        )


def cannot_write(folder: Path, error: OSError) -> CannotStart:
    if error.errno == errno.ENOSPC:
        return CannotStart(f"The disk of {folder} is full; make room and run 'make up' again.")
    return CannotStart(f"ragsite cannot write below {folder}: {error.strerror}.")


def reachable_copy(programs: Path, ground: Path, account: Account | None) -> Path:
    """`programs`, or a copy of that folder below `ground` when the account cannot enter it."""
    if account is None or is_open_to_others(programs):
        return programs
    # Named after the file's age and size: an upgrade of the package brings a new copy.
    found = programs.stat()
    copy = ground / "programs" / f"{programs.name}-{found.st_mtime_ns:x}"
    if not copy.exists():
        half = copy.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(programs, half, ignore=shutil.ignore_patterns("include", "*.a"))
        half.rename(copy)
    return copy
