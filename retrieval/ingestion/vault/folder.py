"""Originals in a folder of this machine."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage


class OriginalsFolder(FileSystemStorage):
    """Django's storage in the media folder, whose files are on the disk once `save` returns."""

    def _save(self, name: str, content: Any) -> str:
        kept: str = super()._save(name, content)  # type: ignore[misc]  # its stubs leave it out
        # A row that names the file may outlive a power cut; so must the file.
        path = Path(self.path(kept))
        for flushed in (path, path.parent):
            flush(flushed)
        return kept

    def dated_names(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """(name, last change) of each file in a folder; none where there is no such folder."""
        place = Path(self.path(folder))
        if not place.is_dir():
            return
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield f"{folder}/{entry.name}", datetime.fromtimestamp(entry.stat().st_mtime, UTC)


def flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
