"""An end to a fetch as a whole: a server that sends a byte now and then never runs into a read's own limit."""

import socket
import threading
from types import TracebackType


class Watch:
    """Shuts the connection that is open when the time is up. Enter it once."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._open: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> "Watch":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._forget()

    def opened(self, made: socket.socket) -> None:
        """Watch this socket from now on, and none that was before it."""
        with self._lock:
            self._forget()
            # A copy: TLS takes the original over, and what it makes of it is not ours to reach.
            self._open = made.dup()
            if self.expired:
                self._shut()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        if self._open is not None:
            try:
                self._open.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was faster

    def _forget(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
