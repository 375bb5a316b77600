"""Whose address a request has: the peer's, or what a counted number of our own proxies saw."""

import pytest
from django.test import RequestFactory

from ragsite.middleware import client_address

PEER = "198.51.100.9"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.1", PEER),
        (0, "", PEER),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        (2, "6.6.6.6, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1", PEER),
        (1, "", PEER),
        (1, "unknown", PEER),
        (1, "203.0.113.1:4711", PEER),
        (1, "203.0.113.1, ", PEER),
        (1, "<script>", PEER),
        (1, " 2001:db8::1 ", "2001:db8::1"),
        (1, "2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_a_client_cannot_write_its_own_address(settings, proxies, forwarded, expected):
    settings.RAGSITE_TRUSTED_PROXIES = proxies
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}

    assert client_address(RequestFactory().get("/", REMOTE_ADDR=PEER, **headers)) == expected


def test_as_it_is_installed_no_proxy_is_believed():
    request = RequestFactory().get("/", REMOTE_ADDR=PEER, HTTP_X_FORWARDED_FOR="6.6.6.6")

    assert client_address(request) == PEER


def test_a_peer_without_an_address_has_none(settings):
    settings.RAGSITE_TRUSTED_PROXIES = 1

    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) is None
