"""A real web server on loopback that counts who connects, and answers what a test says.

with page_server({"/a": Page(body=b"words")}) as server:
    fetcher.fetch(server.url("/a"), ("text/html",))
    server.connections, server.requests
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Page:
    body: bytes = b"words"
    status: int = 200
    media_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    write: Callable[[Any], None] | None = None  # writes the body to the handler itself
    raw: Callable[[Any], None] | None = None  # writes all of the answer itself


@dataclass(kw_only=True)
class Served:
    pages: dict[str, Page]
    port: int = 0
    host: str = "127.0.0.1"
    connections: int = 0
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "") -> str:
        return f"http://{host or self.host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextmanager
def page_server(
    pages: dict[str, Page] | None = None, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Served]:
    served = Served(pages=pages if pages is not None else {}, host=host)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            page = served.pages.get(self.path, Page(status=404, body=b"nothing"))
            etag = page.headers.get("ETag")
            if etag and self.headers.get("If-None-Match") == etag:
                page = Page(status=304, body=b"", headers=page.headers)
            if page.raw is not None:
                self.close_connection = True
                return page.raw(self)
            self.send_response(page.status)
            for name, value in {"Content-Type": page.media_type, **page.headers}.items():
                self.send_header(name, value)
            if page.write is None:
                self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            return page.write(self) if page.write else self.send_body(page.body)

        def send_body(self, body: bytes) -> None:
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the client has had enough

        def log_message(self, *args: Any) -> None:
            """Nothing: the tests read `requests`."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def get_request(self) -> Any:
            accepted = super().get_request()
            served.connections += 1
            return accepted

        def finish_request(self, request: Any, client_address: Any) -> None:
            try:
                wrapped = tls.wrap_socket(request, server_side=True) if tls else request
            except OSError:
                return  # a client that does not trust us
            super().finish_request(wrapped, client_address)
            if tls:
                wrapped.close()

    with Server((host, 0), Handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
