"""Calls to identity providers, whose addresses a tenant's administrator typed in."""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

BYTES_MAX = 512 * 1024
TIMEOUT_SECONDS = 5


class Unreachable(requests.RequestException):
    """A provider's address that we do not call."""


class CarefulSession(requests.Session):
    """Over TLS, to public addresses, without redirects, and not more than a document's worth.

    In an installation of one's own network `RAGSITE_IDENTITY_PRIVATE_NETWORKS` lifts the first two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        check_address(str(url))
        kwargs |= {"allow_redirects": False, "timeout": TIMEOUT_SECONDS, "stream": True}
        response = super().request(method, url, *args, **kwargs)
        if response.is_redirect:
            raise Unreachable("The provider sends us elsewhere.")
        body = response.raw.read(BYTES_MAX + 1, decode_content=True)
        if len(body) > BYTES_MAX:
            raise Unreachable("The provider's answer is too long.")
        response._content = body
        response._content_consumed = True
        return response


def careful_session() -> CarefulSession:
    return CarefulSession()


def check_address(url: str) -> None:
    """Raises Unreachable for an address inside our own network, or one without TLS."""
    parts = urlsplit(url)
    if settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or not parts.hostname:
        raise Unreachable("A provider is called over https only.")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable("The provider's name cannot be looked up.") from error
    for *_, place in found:
        if not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_global:
            raise Unreachable("The provider's address is inside a private network.")
