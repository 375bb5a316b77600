"""What one fetch takes and what it stops."""

import gzip
import socket
import threading
from typing import Any

import pytest

from accounts.outbound import Allowed, Dialler
from retrieval.fetching import Fetcher, FetchLimits, FetchRefused
from tests.support.certificates import a_certificate
from tests.support.page_server import Page, page_server

HTML = ("text/html",)


def a_fetcher(*ports: int, ca_file: str | None = None, **limits: Any) -> Fetcher:
    dialler = Dialler(Allowed.parsed(["127.0.0.0/8"], ports), to_loopback)
    return Fetcher(dialler, FetchLimits(**limits), ca_file=ca_file)


def to_loopback(host, port, **kind):
    return socket.getaddrinfo("127.0.0.1", port, **kind)


def read(fetched) -> bytes:
    with fetched.body as body:
        return body.read()


def test_a_page_comes_with_what_is_known_of_it():
    page = Page(media_type="text/html; charset=utf-8", headers={"ETag": '"1"', "Last-Modified": "yesterday"})
    with page_server({"/handbook": page}) as server:
        fetched = a_fetcher(server.port).fetch(server.url("/handbook"), HTML)

    assert read(fetched) == b"words"
    assert (fetched.media_type, fetched.etag, fetched.last_modified) == ("text/html", '"1"', "yesterday")
    assert fetched.size == 5


def test_nothing_of_ours_is_sent_along():
    with page_server({"/": Page(headers={"Set-Cookie": "a=b"})}) as server:
        fetcher = a_fetcher(server.port)
        for _ in range(2):
            fetcher.fetch(server.url(), HTML).body.close()

    for _, headers in server.requests:
        assert "cookie" not in headers
        assert "authorization" not in headers
        assert headers["user-agent"] == "ragsite/1"


def test_a_page_that_has_not_changed_is_said_to_be_unchanged():
    with page_server({"/": Page(headers={"ETag": '"1"'})}) as server:
        fetched = a_fetcher(server.port).fetch(server.url(), HTML, etag='"1"')

    assert fetched.unchanged
    assert read(fetched) == b""


def test_a_redirect_within_the_bounds_is_followed():
    moved = Page(status=302, headers={"Location": "/there"})
    with page_server({"/": moved, "/there": Page(body=b"there")}) as server:
        fetched = a_fetcher(server.port).fetch(server.url(), HTML)

    assert read(fetched) == b"there"
    assert fetched.locator.path == "/there"


def test_the_sixth_redirect_is_not_followed():
    with page_server({"/": Page(status=302, headers={"Location": "/"})}) as server:
        with pytest.raises(FetchRefused, match="on and on"):
            a_fetcher(server.port).fetch(server.url(), HTML)
        assert len(server.requests) == 6


def test_a_page_that_its_caller_does_not_permit_is_not_asked_for():
    with page_server({"/": Page(status=302, headers={"Location": "/hidden"})}) as server:
        with pytest.raises(FetchRefused):
            a_fetcher(server.port).fetch(server.url(), HTML, permit=lambda at: at.path != "/hidden")
        assert server.paths == ["/"]


def test_a_page_of_another_kind_is_not_taken():
    with (
        page_server({"/": Page(media_type="application/x-msdownload")}) as server,
        pytest.raises(FetchRefused, match="no kind of page"),
    ):
        a_fetcher(server.port).fetch(server.url(), HTML)


@pytest.mark.parametrize("status", [404, 410, 500, 503])
def test_an_error_of_the_server_is_told_with_its_number(status):
    with page_server({"/": Page(status=status)}) as server, pytest.raises(FetchRefused) as refused:
        a_fetcher(server.port).fetch(server.url(), HTML)

    assert refused.value.status == status
    assert refused.value.permanent == (status < 500)


def test_a_page_that_is_too_long_is_not_read_to_its_end():
    with (
        page_server({"/": Page(body=b"x" * 300_000)}) as server,
        pytest.raises(FetchRefused, match="more than"),
    ):
        a_fetcher(server.port, bytes_max=200_000).fetch(server.url(), HTML)


def test_a_page_that_unpacks_to_too_much_is_not_unpacked_to_its_end():
    bomb = gzip.compress(b"\0" * 30_000_000)
    with (
        page_server({"/": Page(body=bomb, headers={"Content-Encoding": "gzip"})}) as server,
        pytest.raises(FetchRefused, match="more than"),
    ):
        a_fetcher(server.port, bytes_max=200_000).fetch(server.url(), HTML)


def test_a_packed_page_comes_unpacked():
    page = Page(body=gzip.compress(b"many words"), headers={"Content-Encoding": "gzip"})
    with page_server({"/": page}) as server:
        assert read(a_fetcher(server.port).fetch(server.url(), HTML)) == b"many words"


@pytest.mark.parametrize("where", ["head", "body"])
def test_a_server_that_drips_is_left_when_the_time_is_up(where):
    left = threading.Event()

    def drip(handler) -> None:
        try:
            if where == "head":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not left.wait(0.01):
                handler.wfile.write(b"x")
        except OSError:
            left.set()

    page = Page(raw=drip) if where == "head" else Page(write=drip)
    with page_server({"/": page}) as server:
        with pytest.raises(FetchRefused, match="too long") as refused:
            a_fetcher(server.port, total_seconds=0.3, read_seconds=5).fetch(server.url(), HTML)
        assert left.wait(5)
    assert not refused.value.permanent


def test_tls_is_verified_against_the_name_and_not_the_address(tmp_path):
    certificate = a_certificate(tmp_path, "www.example.org")
    with page_server({"/": Page()}, tls=certificate.server()) as server:
        fetcher = a_fetcher(server.port, ca_file=str(certificate.chain))
        assert read(fetcher.fetch(f"https://www.example.org:{server.port}/", HTML)) == b"words"
        for name in ("other.example.org", "127.0.0.1"):
            with pytest.raises(FetchRefused):
                fetcher.fetch(f"https://{name}:{server.port}/", HTML)
        with pytest.raises(FetchRefused):
            a_fetcher(server.port).fetch(f"https://www.example.org:{server.port}/", HTML)
    assert len(server.requests) == 1


def test_a_redirect_does_not_lead_from_https_to_http(tmp_path):
    certificate = a_certificate(tmp_path, "www.example.org")
    with page_server({"/": Page()}) as plain:
        moved = Page(status=301, headers={"Location": f"http://www.example.org:{plain.port}/"})
        with page_server({"/": moved}, tls=certificate.server()) as server:
            fetcher = a_fetcher(server.port, plain.port, ca_file=str(certificate.chain))
            with pytest.raises(FetchRefused, match="from https to http"):
                fetcher.fetch(f"https://www.example.org:{server.port}/", HTML)
    assert plain.connections == 0
