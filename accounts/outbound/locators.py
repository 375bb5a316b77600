"""Addresses of pages, taken apart once: what was judged is what is connected to and asked for."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from accounts.outbound.hosts import canonical_host
from accounts.outbound.rules import AddressRefused

URL_CHARS_MAX = 2_000
PORTS_BY_SCHEME = {"http": 80, "https": 443}
PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<place>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(#.*)?"
)
PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(:(?P<port>[0-9]{1,5}))?")
# Characters that one reader of addresses drops and the next takes for a separator.
AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\u3000\ufeff]")
RESERVED = "/%:@!$&'()*+,;=?~-._[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """An http or https address. `target` is its path and query, ready to be sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS_BY_SCHEME[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def follow(self, reference: str) -> "Locator":
        """Where a reference on this page leads. Raises AddressRefused."""
        if AMBIGUOUS.search(reference):
            raise AddressRefused(NO_ADDRESS)
        return locate(urljoin(self.url, reference))


NO_ADDRESS = "This is no address of a page, such as https://www.example.org/handbook."


def locate(url: str, schemes: Collection[str] = ("http", "https")) -> Locator:
    """Take an address apart; the only place where that is done. Raises AddressRefused."""
    parts = PARTS.fullmatch(url) if len(url) <= URL_CHARS_MAX and not AMBIGUOUS.search(url) else None
    place = PLACE.fullmatch(parts["place"]) if parts else None
    if parts is None or place is None or parts["scheme"].lower() not in schemes:
        raise AddressRefused(NO_ADDRESS)
    scheme = parts["scheme"].lower()
    try:
        host = canonical_host(place["host"])
    except ValueError as error:
        raise AddressRefused(NO_ADDRESS) from error
    port = int(place["port"] or PORTS_BY_SCHEME[scheme])
    target = quote((parts["path"] or "/") + (parts["query"] or ""), safe=RESERVED)
    return Locator(scheme=scheme, host=host, port=port, target=target)
