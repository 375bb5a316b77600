"""Content from elsewhere, copied here as far as it may go."""

import shutil
from typing import IO

from retrieval.errors import RetrievalError, SourceRefused

BLOCK_BYTES = 1024 * 1024


def copy(content: IO[bytes], kept: IO[bytes], bytes_max: int) -> None:
    """Read a document to its end. Raises SourceRefused for one that is longer than it said."""
    shutil.copyfileobj(Bounded(content, bytes_max), kept, BLOCK_BYTES)
    kept.seek(0)


class Bounded:
    """Reads on until there was too much."""

    def __init__(self, content: IO[bytes], bytes_max: int) -> None:
        self._content, self._left, self._bytes_max = content, bytes_max, bytes_max

    def read(self, size: int = -1, /) -> bytes:
        block = self._content.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise too_large(self._bytes_max)
        return block


def too_large(bytes_max: int) -> RetrievalError:
    return SourceRefused(f"It is too large: at most {bytes_max / 1e6:.0f} MB are taken.")
