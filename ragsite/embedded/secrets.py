"""The installation's secrets, made once."""

import json
import os
import secrets
from pathlib import Path

from ragsite.embedded.errors import CannotStart

NAMES = (
    "secret_key",
    "application_password",
    "owner_password",
    "postgres_password",
    "audit_key",
    "tenant_key",
    "master_key",
)
SECRET_BYTES = 32


def ensure_secrets(path: Path) -> dict[str, str]:
    """The secrets in the file at `path`, each 32 random bytes in hexadecimal; absent ones are made.

    The file has mode 0600 from its first byte on. Raises CannotStart when it is there and unreadable.
    """
    known = _read(path)
    missing = [name for name in NAMES if name not in known]
    if missing:
        known |= {name: secrets.token_hex(SECRET_BYTES) for name in missing}
        _write(path, known)
    path.chmod(0o600)
    return known


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        known = None
    if not isinstance(known, dict):
        raise CannotStart(
            f"{path} should hold this installation's secrets and is damaged; restore it from a backup."
        )
    return {str(name): str(secret) for name, secret in known.items()}


def _write(path: Path, known: dict[str, str]) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(known, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    # Moved into place whole: a power cut leaves the old secrets or the new ones, never half a file.
    fresh.replace(path)
