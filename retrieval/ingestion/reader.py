"""Processes that scan and parse, kept for the next file: starting one takes longer than reading most files."""

import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Generic, Protocol, TypeVar

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame
from retrieval.ingestion.sandbox import ParserPool
from retrieval.ingestion.scan.files import Scanner
from retrieval.ingestion.scan.findings import Findings


class Closed(Protocol):
    def close(self) -> None: ...


P = TypeVar("P", bound=Closed)


class EndingWithItsThread(Generic[P]):
    """Closes a part when the thread ends whose own it is, or the process: its locals are dropped then."""

    def __init__(self, part: P) -> None:
        self.part = part
        weakref.finalize(self, part.close)


class PooledReader:
    """Reads files, each thread in a parser process of its own that lives as long as the thread.

    overrides, ocr_languages: as `ParserPool` takes them.
    """

    def __init__(self, limits: ParseLimits, *, overrides: Collection[str], ocr_languages: str) -> None:
        self._open = partial(ParserPool, limits, overrides=overrides, ocr_languages=ocr_languages)
        self._own = threading.local()

    def __call__(self, descriptor: int, name: str, on_pages: Callable[[int], None]) -> Iterator[Frame]:
        """A file's blocks and summary, as `ParserPool.read` gives them."""
        if not hasattr(self._own, "pool"):
            self._own.pool = EndingWithItsThread(self._open())
        yield from self._own.pool.part.read(descriptor, name, on_pages=on_pages)


class PooledScanner:
    """Scans files, each thread with a scanner of its own.

    clamd: address of the virus scanner, "" for none.
    """

    def __init__(self, clamd: str, limits: ParseLimits) -> None:
        self._clamd, self._limits = clamd, limits
        self._own = threading.local()

    def __call__(self, descriptor: int, name: str, declared_type: str) -> Findings:
        """What is found in a file, as `Scanner.scan` tells it."""
        if not hasattr(self._own, "scanner"):
            self._own.scanner = EndingWithItsThread(Scanner(self._clamd, self._limits))
        return self._own.scanner.part.scan(descriptor, name, declared_type)
