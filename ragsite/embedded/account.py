"""Under whose name the services run when ragsite itself runs as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from ragsite.embedded.errors import CannotStart

# An administrator may make the first one; the second is on every system.
ACCOUNTS = ("ragsite", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)


def service_account(existing: Path) -> Account | None:
    """Whom PostgreSQL and Redis run as; None: as ourselves, who are not root.

    existing: a folder that services of an earlier start may have written; its owner stays theirs.
    """
    if os.geteuid() != 0:
        return None
    if existing.exists() and (owner := existing.stat().st_uid) != 0:
        return _account(pwd.getpwuid(owner))
    for name in ACCOUNTS:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise CannotStart(
        "PostgreSQL refuses to run as root and this machine has neither an account 'ragsite' nor 'nobody'; "
        "add one, or run 'make up' as an ordinary user."
    )


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
