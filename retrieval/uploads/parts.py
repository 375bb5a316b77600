"""The parts of an upload, read as the one file they make."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files.base import File

from retrieval.ingestion import vault

BUFFER_BYTES = 256 * 1024


class JoinedParts(io.RawIOBase):
    """Kept parts in their order; one of them is open at a time.

    parts: (name in the vault, size in bytes) of each.
    """

    def __init__(self, tenant_id: UUID, parts: Sequence[tuple[str, int]]) -> None:
        self._tenant_id = tenant_id
        self._names = [name for name, _ in parts]
        self._starts = [0, *accumulate(size for _, size in parts)]
        self._position = 0
        self._open: tuple[int, BinaryIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        if self._position >= self._starts[-1]:
            return 0
        number = bisect_right(self._starts, self._position) - 1
        part = self._part(number)
        part.seek(self._position - self._starts[number])
        read = part.read(min(len(buffer), self._starts[number + 1] - self._position))
        buffer[: len(read)] = read
        self._position += len(read)
        return len(read)

    def _part(self, number: int) -> BinaryIO:
        if self._open is None or self._open[0] != number:
            self._leave()
            self._open = (number, vault.open(self._tenant_id, self._names[number]))
        return self._open[1]

    def _leave(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        self._leave()
        super().close()


def joined(tenant_id: UUID, parts: Sequence[tuple[str, int]], name: str) -> "File[bytes]":
    """The parts as the file that `receive` takes."""
    return File(io.BufferedReader(JoinedParts(tenant_id, parts), BUFFER_BYTES), name)
