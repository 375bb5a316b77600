"""ClamAV: clean only when clamd has said so of the whole file; anything else waits or is refused."""

import io
import os
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from ragsite.env import Environment
from retrieval.errors import ScannerUnavailable, UnreadableFile
from retrieval.ingestion.scan.clamav import parsed_address, scan_stream
from tests.support.clamd_server import EICAR_NAME, clamd_server, eicar


def scanned(content: bytes, address: str) -> str | None:
    return scan_stream(io.BytesIO(content), "a.txt", address)


def test_a_clean_file_reaches_the_scanner_whole() -> None:
    content = os.urandom(200_000)
    with clamd_server() as server:
        assert scanned(content, server.address) is None

    assert server.received == [content]


def test_a_file_that_the_scanner_knows_is_named() -> None:
    with clamd_server() as server:
        assert scanned(eicar(), server.address) == EICAR_NAME


def test_the_scanner_is_reached_by_a_unix_socket_too(tmp_path: Path) -> None:
    with clamd_server(path=tmp_path / "clamd.ctl") as server:
        assert scanned(eicar(), server.address) == EICAR_NAME


def test_a_scanner_that_is_away_makes_the_file_wait(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken and not listening
        for address in (f"tcp:127.0.0.1:{unused.getsockname()[1]}", f"unix:{tmp_path}/absent"):
            with pytest.raises(ScannerUnavailable) as caught:
                scanned(b"Hello", address)
            assert not caught.value.permanent


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0", b"stream: OK", b"OK\0", b"stream: Error ERROR\0", b"stream: \0", b"x" * 10_000],
    ids=["none", "empty", "cut", "other", "error", "half", "endless"],
)
def test_an_answer_that_is_no_verdict_is_never_clean(answer: bytes) -> None:
    with clamd_server(answer=answer) as server, pytest.raises(ScannerUnavailable, match="waits until it can"):
        scanned(b"Hello", server.address)


def test_a_file_beyond_the_scanners_limit_is_refused_with_what_to_do() -> None:
    with (
        clamd_server(stream_bytes_max=100_000) as server,
        pytest.raises(UnreadableFile, match=r"^a\.txt is larger than .* StreamMaxLength\.$"),
    ):
        scanned(b"x" * 5_000_000, server.address)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("unix:/run/clamd.ctl", "/run/clamd.ctl"),
        ("tcp:localhost:3310", ("localhost", 3310)),
        ("tcp:[::1]:3310", ("::1", 3310)),
    ],
)
def test_an_address_is_a_path_or_a_host_and_port(address: str, place: object) -> None:
    assert parsed_address(address) == place
    assert Environment(clamav=address).clamav == address


@pytest.mark.parametrize("address", ["clamd", "unix:relative", "tcp:host", "tcp::3310", "http://host:1"])
def test_nonsense_as_an_address_stops_the_start(address: str) -> None:
    with pytest.raises(ValueError):
        parsed_address(address)
    with pytest.raises(ValidationError):
        Environment(clamav=address)
