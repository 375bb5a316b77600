"""What a person sees while ragsite starts: one line a step, plain where nobody watches."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TextIO

ERASE_LINE = "\r\x1b[2K"


@dataclass(slots=True)
class Screen:
    """Writes progress to `out`; a terminal sees finished steps ticked off with their time."""

    out: TextIO = field(default_factory=lambda: sys.stdout)

    @property
    def is_live(self) -> bool:
        return self.out.isatty()

    def say(self, text: str = "") -> None:
        self._write(text + "\n")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show that `text` is being done, and how long it took once it is."""
        started = time.monotonic()
        self._write(f"  ... {text}" if self.is_live else f"- {text}\n")
        try:
            yield
        except BaseException:
            self._write("\n" if self.is_live else "")
            raise
        seconds = time.monotonic() - started
        if self.is_live:
            self._write(f"{ERASE_LINE}  ok  {text} ({seconds:.1f} s)\n")
        elif seconds >= 1:
            self._write(f"  done in {seconds:.1f} s\n")

    def _write(self, text: str) -> None:
        # A terminal that was closed must not keep us from ending what we started.
        with suppress(OSError):
            self.out.write(text)
            self.out.flush()
