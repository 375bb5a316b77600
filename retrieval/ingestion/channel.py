"""A running child of the sandbox and the socket to it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from retrieval.ingestion.frames import FRAME_BYTES_MAX
from retrieval.ingestion.limits import MEGABYTE, ParseLimits

START_SECONDS_MAX = 30.0  # imports on a cold, loaded machine; a warm one takes about one second
_LENGTH_BYTES = 8
_NAME_CHARS_MAX = 1_000  # what is sent to the child; it shortens further for messages
_CODE_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = (
    "import json, sys; sys.path[:0] = json.loads(sys.argv.pop()); "
    "from retrieval.ingestion.parsers.child import main; main()"
)
# And nothing else: no address, no key, no password. One thread, because a child may have no more.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Channel:
    """One child process. `broken` is true while a file is being read and once it cannot be asked again.

    faults: why installed parsers do not load, by media type.
    """

    def __init__(self, limits: ParseLimits, parsers_module: str, overrides: Collection[str]) -> None:
        self.broken = False
        self._ours, theirs = socket.socketpair()
        # The same packages as here, but never the working directory.
        paths = [str(_CODE_ROOT), *(path for path in sys.path if os.path.isabs(path))]
        told = [json.dumps(asdict(limits)), parsers_module, json.dumps(list(overrides)), json.dumps(paths)]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (no shell; every argument is ours)
                [sys.executable, "-I", "-c", _PROGRAM, *told],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        self.faults = self._await_ready()

    def ask(self, descriptor: int, name: str, *, ocr: bool) -> None:
        """Hand over a file; its frames are then to be received up to the last."""
        self.broken = True  # until the last frame came
        request = json.dumps({"name": name[-_NAME_CHARS_MAX:], "ocr": ocr}).encode("ascii")
        socket.send_fds(self._ours, [request], [descriptor])

    def frame(self, deadline: float) -> dict[str, object]:
        """The next frame.

        Raises TimeoutError, EOFError or ConnectionError when the child died, ValueError when the frame
        is too long or is none.
        """
        length = int.from_bytes(self.received(_LENGTH_BYTES, deadline), "big")
        if length > FRAME_BYTES_MAX:
            raise ValueError("the frame is too long")
        try:
            frame = json.loads(self.received(length, deadline))
        except RecursionError:
            raise ValueError("the frame is nested") from None
        if not isinstance(frame, dict) or len(frame) != 1:
            raise ValueError("a frame must be an object with one key")
        return frame

    def received(self, length: int, deadline: float) -> bytearray:
        """So many bytes from the child; raises as `frame` does."""
        received = bytearray()
        while len(received) < length:
            self._ours.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = self._ours.recv(min(length - len(received), MEGABYTE))
            if not piece:
                raise EOFError("the child closed its end")
            received += piece
        return received

    def answer(self, words: dict[str, object], deadline: float) -> None:
        """Reply to a frame that asked for something."""
        payload = json.dumps(words).encode("ascii")
        self._ours.settimeout(max(deadline - time.monotonic(), 0.001))
        self._ours.sendall(len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)

    def stop(self) -> int:
        """End the child and everything it started; returns the signal it had died of, or 0."""
        self._ours.close()
        # A child that is already dying keeps its own reason: a later signal does not replace it.
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
                os.killpg(self._process.pid, signal.SIGKILL)
        return max(-self._process.wait(), 0)

    def _await_ready(self) -> dict[str, str]:
        try:
            ready = self.frame(time.monotonic() + START_SECONDS_MAX)["ready"]
        except (TimeoutError, EOFError, ConnectionError, ValueError, KeyError):
            self.broken = True
            ended_by = self.stop()
            raise RuntimeError(f"the parser process did not start (ended by signal {ended_by})") from None
        return {str(key): str(value) for key, value in ready.items()} if isinstance(ready, dict) else {}
