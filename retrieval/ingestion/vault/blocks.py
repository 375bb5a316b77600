"""Blocks on their way into a storage: counted, and dressed as the file that a storage saves."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import File

BUFFER_BYTES = 1024 * 1024


@dataclass(slots=True)
class Measured:
    """Blocks, counted and digested as they pass."""

    content: Iterable[bytes]
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        for block in self.content:
            self.size += len(block)
            self.digest.update(block)
            yield block


class Blocks(File[bytes]):
    """Blocks as the file that a storage saves: read once, from beginning to end."""

    def __init__(self, blocks: Iterator[bytes], name: str) -> None:
        super().__init__(io.BufferedReader(BlockStream(blocks), BUFFER_BYTES), name)
        self._blocks = blocks

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return self._blocks

    def seekable(self) -> bool:
        return False


class BlockStream(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        piece = self._left[: len(buffer)]
        self._left = self._left[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)
