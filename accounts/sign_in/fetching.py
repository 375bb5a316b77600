"""Calls to identity providers, whose addresses a tenant's administrator typed in."""

from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from accounts.outbound import AddressRefused, Allowed, Dialler, locate
from accounts.outbound.dialling import pools
from accounts.outbound.rules import networks

BYTES_MAX = 512 * 1024
TIMEOUT_SECONDS = 5


class Unreachable(requests.RequestException):
    """A provider's address that we do not call."""


class CarefulAdapter(HTTPAdapter):
    """Connects to the addresses that were judged and to no others."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = pools(provider_dialler(), TIMEOUT_SECONDS)


class CarefulSession(requests.Session):
    """Over TLS, to public addresses, without redirects, and not more than a document's worth.

    In an installation of one's own network `RAGSITE_IDENTITY_PRIVATE_NETWORKS` lifts the first two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        for scheme in ("http://", "https://"):
            self.mount(scheme, CarefulAdapter())

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs |= {"allow_redirects": False, "timeout": TIMEOUT_SECONDS, "stream": True}
        try:
            response = super().request(method, careful_url(str(url)), *args, **kwargs)
        except AddressRefused as refusal:
            raise Unreachable(str(refusal)) from refusal
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


def provider_dialler() -> Dialler:
    """Any port, since providers choose theirs. The cloud's own keys are never allowed."""
    everywhere = networks("0.0.0.0/0", "::/0") if settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS else ()
    return Dialler(Allowed(networks=everywhere, ports=None))


def careful_url(url: str) -> str:
    """The address as it will be called. Raises AddressRefused for one that cannot be, or without TLS."""
    private = settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS
    return locate(url, ("http", "https") if private else ("https",)).url


def check_address(url: str) -> None:
    """Raises Unreachable for an address inside our own network, or one without TLS."""
    try:
        found = locate(careful_url(url))
        provider_dialler().vetted(found.host, found.port)
    except AddressRefused as refusal:
        raise Unreachable(str(refusal)) from refusal
