"""ClamAV over clamd's own protocol: a file is streamed in pieces and the answer is one line.

INSTREAM, clamd(8): the command, then pieces of a 32-bit big-endian length and as many bytes, a piece of
length 0 at the end; the answer is "stream: OK", "stream: NAME FOUND" or "... ERROR".
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from retrieval.errors import ScannerUnavailable, UnreadableFile

PIECE_BYTES = 64 * 1024
CONNECT_SECONDS_MAX = 5.0
SCAN_SECONDS_MAX = 120.0  # of the whole exchange; clamd stops by itself after the same time
_ANSWER_BYTES_MAX = 4_096
_COMMAND = b"zINSTREAM\0"
_END = (0).to_bytes(4, "big")


def scan_stream(file: BinaryIO, shown: str, address: str) -> str | None:
    """The name of the malware that clamd finds in a file, None when it finds none.

    address: "unix:/path/of/socket" or "tcp:host:port".

    Raises ScannerUnavailable unless clamd has said one or the other of the whole file, UnreadableFile when
    the file is larger than clamd is set to take.
    """
    deadline = time.monotonic() + SCAN_SECONDS_MAX
    try:
        with _connected(address) as channel:
            answer = _asked(channel, file, deadline)
    except (OSError, ValueError) as error:
        raise _unavailable(type(error).__name__) from None
    if answer == "stream: OK":
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    if "size limit exceeded" in answer:
        raise UnreadableFile(
            f"{shown} is larger than the virus scanner takes. Split it or ask an administrator to raise "
            "clamd's StreamMaxLength."
        )
    raise _unavailable("an answer that is none")


def parsed_address(address: str) -> tuple[str, int] | str:
    """Host and port, or the path of a UNIX socket.

    Raises ValueError for what is neither "unix:/path" nor "tcp:host:port".
    """
    kind, _, rest = address.partition(":")
    host, _, port = rest.rpartition(":")
    if kind == "unix" and rest.startswith("/"):
        return rest
    if kind == "tcp" and host and port.isdigit() and 0 < int(port) < 65_536:
        return host.strip("[]"), int(port)
    raise ValueError('must look like "unix:/run/clamav/clamd.ctl" or "tcp:localhost:3310"')


@contextmanager
def _connected(address: str) -> Iterator[socket.socket]:
    place = parsed_address(address)
    if isinstance(place, tuple):
        with socket.create_connection(place, timeout=CONNECT_SECONDS_MAX) as channel:
            yield channel
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(CONNECT_SECONDS_MAX)
        channel.connect(place)
        yield channel


def _asked(channel: socket.socket, file: BinaryIO, deadline: float) -> str:
    file.seek(0)
    try:
        _send(channel, _COMMAND, deadline)
        while piece := file.read(PIECE_BYTES):
            _send(channel, len(piece).to_bytes(4, "big") + piece, deadline)
        _send(channel, _END, deadline)
    except (BrokenPipeError, ConnectionResetError):
        pass  # clamd hangs up on a file beyond its limit, after it has said so
    return _answer(channel, deadline)


def _send(channel: socket.socket, content: bytes, deadline: float) -> None:
    channel.settimeout(_left(deadline))
    channel.sendall(content)


def _answer(channel: socket.socket, deadline: float) -> str:
    received = b""
    while not received.endswith(b"\0"):
        channel.settimeout(_left(deadline))
        piece = channel.recv(_ANSWER_BYTES_MAX)
        received += piece
        if not piece or len(received) > _ANSWER_BYTES_MAX:
            raise ValueError("clamd hung up before it had answered")
    return received[:-1].decode("utf-8", "replace").strip()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _unavailable(reason: str) -> ScannerUnavailable:
    error = ScannerUnavailable("The virus scanner cannot be reached; the document waits until it can.")
    error.add_note(f"clamd: {reason}")
    return error
