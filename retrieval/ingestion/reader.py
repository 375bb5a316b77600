"""Parser processes kept for the next file: starting one takes longer than reading most files."""

import threading
from collections.abc import Iterator

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame
from retrieval.ingestion.sandbox import ParserPool


class PooledReader:
    """Reads files, each thread in a parser process of its own that lives as long as the thread."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._own = threading.local()

    def __call__(self, descriptor: int, name: str) -> Iterator[Frame]:
        """A file's blocks and summary, as `ParserPool.read` gives them."""
        if not hasattr(self._own, "pool"):
            self._own.pool = ParserPool(self._limits)
        yield from self._own.pool.read(descriptor, name)

    def close(self) -> None:
        """Stop this thread's process; the next file starts another."""
        if hasattr(self._own, "pool"):
            self._own.pool.close()
            del self._own.pool
