"""A real server on loopback that speaks clamd's INSTREAM: it knows EICAR's test file, and can misbehave.

with clamd_server() as server:
    scan_stream(file, "a.txt", server.address)
    server.received[0]
"""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# The test file's digest and not its words: those would have this file quarantined on a guarded machine.
EICAR_SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
EICAR_NAME = "Eicar-Test-Signature"


def eicar() -> bytes:
    """EICAR's harmless test file, put together from pieces; 68 bytes."""
    pieces = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR", "-STANDARD-", "ANTIVIRUS-", "TEST-FILE!", "$H+H*")
    return "".join(pieces).encode("ascii")


@dataclass(slots=True)
class Clamd:
    """The server's side. `received` holds each file that came whole."""

    address: str
    stream_bytes_max: int
    answer: bytes | None
    received: list[bytes] = field(default_factory=list)

    def serve(self, channel: socket.socket) -> None:
        with channel, channel.makefile("rb") as incoming:
            if incoming.read(10) != b"zINSTREAM\0":
                channel.sendall(b"UNKNOWN COMMAND\0")
                return
            content = b""
            while length := int.from_bytes(incoming.read(4), "big"):
                content += incoming.read(length)
                if len(content) > self.stream_bytes_max:
                    channel.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            self.received.append(content)
            channel.sendall(self.answer if self.answer is not None else _verdict(content))


def _verdict(content: bytes) -> bytes:
    if hashlib.sha256(content[:68]).hexdigest() == EICAR_SHA256:
        return f"stream: {EICAR_NAME} FOUND\0".encode()
    return b"stream: OK\0"


@contextmanager
def clamd_server(
    *, path: Path | None = None, stream_bytes_max: int = 25_000_000, answer: bytes | None = None
) -> Iterator[Clamd]:
    """A server on a random port, or on a UNIX socket at this path.

    answer: what it says whatever comes; None lets it judge.
    """
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    listener.bind(str(path) if path else ("127.0.0.1", 0))
    listener.listen()
    address = f"unix:{path}" if path else f"tcp:127.0.0.1:{listener.getsockname()[1]}"
    clamd = Clamd(address, stream_bytes_max, answer)
    thread = threading.Thread(target=_accept, args=(listener, clamd))
    thread.start()
    try:
        yield clamd
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _accept(listener: socket.socket, clamd: Clamd) -> None:
    while True:
        try:
            channel, _ = listener.accept()
        except OSError:
            return  # closed by the test's end
        clamd.serve(channel)
