"""Remembers what the database was prepared for, so that an unchanged checkout starts at once."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("accounts", "compliance", "retrieval", "ragsite", "examples")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The record of one installation, in its home folder."""

    home: Path

    @property
    def path(self) -> Path:
        return self.home / "prepared.json"

    def holds_for(self, fingerprint: str) -> bool:
        return self._read().get("fingerprint") == fingerprint

    def demonstration_loaded_into(self, database: str) -> bool:
        return self._read().get("demonstration") == _digest([database])

    def remember(self, **facts: str) -> None:
        self.path.write_text(json.dumps(self._read() | facts))

    def remember_demonstration(self, database: str) -> None:
        self.remember(demonstration=_digest([database]))

    def forget(self) -> None:
        """For a data folder that was just made."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.path.read_text()))
        except (FileNotFoundError, ValueError):
            return {}


def fingerprint(root: Path) -> str:
    """Changes with ragsite's own code and with the versions of what it stands on."""
    sources = (path for folder in SOURCES for path in sorted((root / folder).rglob("*.py")))
    return _digest(path.read_text() for path in (root / "requirements.lock", *sources))


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()
