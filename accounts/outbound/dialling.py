"""Making connections. A name is resolved once, every answer is judged, and one of those is connected to."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, ClassVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from accounts.outbound.rules import AddressRefused, Allowed

# One sentence for all: which of them it was would tell what is in our own network.
UNREACHABLE = "This address cannot be reached: it is not a public one, or nothing answers there."
PORT_REFUSED = "This port is not among those that may be connected to."

# As socket.getaddrinfo: (family, kind, protocol, canonical name, socket address) for each answer.
Answer = tuple[Any, Any, int, str, tuple[Any, ...]]
Resolve = Callable[..., list[Answer]]


class Dialler:
    """Connects to what is allowed and to nothing else.

    opened: told of each socket before anything is sent over it, so that a caller can end it in time.
    """

    def __init__(
        self,
        allowed: Allowed,
        resolve: Resolve = socket.getaddrinfo,
        opened: Callable[[socket.socket], None] | None = None,
    ) -> None:
        self.allowed = allowed
        self.resolve = resolve
        self.opened = opened

    def telling(self, opened: Callable[[socket.socket], None]) -> "Dialler":
        return Dialler(self.allowed, self.resolve, opened)

    def vetted(self, host: str, port: int) -> list[Answer]:
        """The addresses of a host, all of them allowed. Raises AddressRefused, also where only one is not."""
        if not self.allowed.port(port):
            raise AddressRefused(PORT_REFUSED)
        try:
            answers = self.resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise AddressRefused(UNREACHABLE) from error
        # A name with a public and an inner answer is somebody's attempt, whichever would be used.
        if not answers or not all(self.allowed.address(host, address_of(answer)) for answer in answers):
            raise AddressRefused(UNREACHABLE)
        return answers

    def connect(self, host: str, port: int, timeout_seconds: float) -> socket.socket:
        """A socket to one of the addresses judged. Raises AddressRefused."""
        for family, kind, protocol, _, place in self.vetted(host, port):
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(timeout_seconds)
                made.connect(place)
            except OSError:
                made.close()
                continue
            if self.opened:
                self.opened(made)
            return made
        raise AddressRefused(UNREACHABLE)


def address_of(answer: Answer) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address of one answer, without its scope."""
    return ipaddress.ip_address(str(answer[4][0]).partition("%")[0])


class Dialled:
    """A connection of urllib3's whose socket a dialler makes. The TLS name stays the host's."""

    dialler: ClassVar[Dialler]
    timeout_seconds: ClassVar[float]

    def _new_conn(self) -> socket.socket:
        # The library's one seam for this; tests hold that connections go through it.
        made: Any = self
        return self.dialler.connect(made.host, made.port, self.timeout_seconds)


def pools(dialler: Dialler, timeout_seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme, with connections of this dialler's; fit for PoolManager too."""
    made = {"dialler": dialler, "timeout_seconds": timeout_seconds}
    plain = type("DialledHTTPConnection", (Dialled, HTTPConnection), made)
    secure = type("DialledHTTPSConnection", (Dialled, HTTPSConnection), made)
    return {
        "http": type("DialledHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("DialledHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
