"""Reads files in a child process with limits, so that a hostile one costs a refusal and no more."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import MEGABYTE, ParseLimits
from retrieval.ingestion.parsed import ParsedDocument, from_json_object
from retrieval.ingestion.sniff import display_name

PARSERS_MODULE = "retrieval.ingestion.parsers"
START_SECONDS_MAX = 30.0  # imports on a cold, loaded machine; a warm one takes under one second
FILES_PER_CHILD_MAX = 200  # memory that libraries never give back is freed with the child
_LENGTH_BYTES = 8
_NAME_CHARS_MAX = 1_000  # what is sent to the child; it shortens further for messages
# JSON writes one character of text in at most 12 bytes, and text stands in an answer once.
_ANSWER_BYTES_PER_CHAR = 12
_CODE_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(_CODE_ROOT)!r}); "
    "from retrieval.ingestion.parsers.child import main; main()"
)


def parse_file(path: Path, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read one file in a child process of its own.

    path: the file's bytes. name: as its sender called it; judged and shown, never opened.

    Raises UnreadableFile with a sentence for people when it cannot be taken in.
    """
    with ParserPool(limits) as pool:
        return pool.parse(path, name)


class ParserPool:
    """One child process that reads many files, replaced after any failure. For one thread at a time.

    parsers_module: the module in the child whose PARSERS maps media types to parsers.
    """

    def __init__(self, limits: ParseLimits, *, parsers_module: str = PARSERS_MODULE) -> None:
        self._limits = limits
        self._parsers_module = parsers_module
        self._child: _Child | None = None
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the child; the next file starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def parse(self, path: Path, name: str) -> ParsedDocument:
        """Read one file, as `parse_file` does."""
        shown = display_name(name)
        descriptor = _opened(path, shown, self._limits)
        try:
            reply = self._ask(descriptor, name, shown)
        finally:
            os.close(descriptor)
        if "refused" in reply:
            raise UnreadableFile(str(reply["refused"]))
        if "failed" in reply:
            self.close()
            self._explain_failure(str(reply["failed"]), shown)
        return self._document(reply, shown)

    def _ask(self, descriptor: int, name: str, shown: str) -> dict[str, object]:
        child = self._started()
        try:
            return child.ask(descriptor, name, self._limits)
        except TimeoutError:
            raise UnreadableFile(_too_slow(shown, self._limits.wall_seconds_max)) from None
        except (EOFError, ConnectionError):
            signal_number = child.stop()
            self._explain_end(signal_number, shown)
        except ValueError:
            raise UnreadableFile(f"{shown} holds more text than can be taken in.") from None
        finally:
            self._served += 1
            if child.broken or self._served >= FILES_PER_CHILD_MAX:
                self.close()

    def _started(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self._limits, self._parsers_module)
            self._served = 0
        return self._child

    def _document(self, reply: dict[str, object], shown: str) -> ParsedDocument:
        wire = reply.get("parsed")
        try:
            if isinstance(wire, dict):
                return from_json_object(wire)
        except ValueError:
            self.close()
        raise UnreadableFile(f"{shown} could not be read: the reader's answer made no sense.")

    def _explain_failure(self, error_class: str, shown: str) -> NoReturn:
        if error_class == "MemoryError":
            allowed = self._limits.memory_bytes_max // MEGABYTE
            raise UnreadableFile(f"{shown} needs more than {allowed} MB of memory to be read.")
        refusal = UnreadableFile(f"{shown} is damaged or not what its name says, and cannot be read.")
        refusal.add_note(f"the parser raised {error_class}")
        raise refusal

    def _explain_end(self, signal_number: int, shown: str) -> NoReturn:
        if signal_number == signal.SIGXCPU:
            raise UnreadableFile(_too_slow(shown, self._limits.cpu_seconds_max)) from None
        refusal = UnreadableFile(f"{shown} made its reader stop; it is damaged or needs too much memory.")
        refusal.add_note(f"the child ended by signal {signal_number}")
        raise refusal from None


class _Child:
    """A running child and the socket to it. `broken` is true once it cannot be asked again."""

    def __init__(self, limits: ParseLimits, parsers_module: str) -> None:
        self.broken = False
        self._channel, theirs = socket.socketpair()
        arguments = [sys.executable, "-I", "-c", _PROGRAM, json.dumps(asdict(limits)), parsers_module]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (no shell; every argument is ours)
                arguments,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"LANG": "C.UTF-8"},  # and nothing else: no address, no key, no password
                start_new_session=True,
            )
        self._await_ready()

    def ask(self, descriptor: int, name: str, limits: ParseLimits) -> dict[str, object]:
        """Hand over a file and wait for the answer.

        Raises TimeoutError, EOFError or ConnectionError when the child died, ValueError when the
        answer is too long; the child is broken after each of them.
        """
        deadline = time.monotonic() + limits.wall_seconds_max
        answer_bytes_max = (limits.text_chars_max + limits.hidden_chars_max) * _ANSWER_BYTES_PER_CHAR
        self.broken = True  # until an answer came whole
        request = json.dumps({"name": name[-_NAME_CHARS_MAX:]}).encode("ascii")
        socket.send_fds(self._channel, [request], [descriptor])
        length = int.from_bytes(self._receive(_LENGTH_BYTES, deadline), "big")
        if length > answer_bytes_max:
            raise ValueError("the answer is too long")
        try:
            reply = json.loads(self._receive(length, deadline))
        except RecursionError:
            raise ValueError("the answer is nested") from None
        self.broken = not isinstance(reply, dict)
        return reply if isinstance(reply, dict) else {}

    def stop(self) -> int:
        """End the child and everything it started; returns the signal it had died of, or 0."""
        self._channel.close()
        # A child that is already dying keeps its own reason: a later signal does not replace it.
        if self._process.poll() is None:
            _kill_group(self._process.pid)
        return max(-self._process.wait(), 0)

    def _await_ready(self) -> None:
        try:
            self._receive(1, time.monotonic() + START_SECONDS_MAX)
        except (TimeoutError, EOFError, ConnectionError):
            self.broken = True
            ended_by = self.stop()
            raise RuntimeError(f"the parser process did not start (ended by signal {ended_by})") from None

    def _receive(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = self._channel.recv(min(length - len(received), MEGABYTE))
            if not piece:
                raise EOFError("the child closed its end")
            received += piece
        return bytes(received)


def _opened(path: Path, shown: str, limits: ParseLimits) -> int:
    """A descriptor of a regular file of allowed size; links are not followed, pipes not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        linked = isinstance(error, OSError) and error.errno == errno.ELOOP
        reason = "it is a link" if linked else getattr(error, "strerror", None) or "its path makes no sense"
        raise UnreadableFile(f"{shown} cannot be opened: {reason}.") from None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size <= limits.file_bytes_max:
        return descriptor
    os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableFile(f"{shown} is not a file.")
    size, allowed = found.st_size / MEGABYTE, limits.file_bytes_max / MEGABYTE
    raise UnreadableFile(f"{shown} has {size:,.1f} MB; a file may have {allowed:,.0f} MB. Split it.")


def _kill_group(process_id: int) -> None:
    try:
        os.killpg(process_id, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself in between


def _too_slow(shown: str, seconds: float) -> str:
    return f"{shown} took longer than {seconds:g} seconds to read."
