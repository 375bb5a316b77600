"""One spelling of a host's name, in which it is judged, resolved and put into TLS."""

import ipaddress
import re

import idna

HOST_CHARS_MAX = 253
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# What any reader of addresses may take for a number: 2130706433, 0177.1, 0x7f000001.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def canonical_host(host: str) -> str:
    """The name in ASCII and lower case, without a final dot; an address in its only written form.

    Numbers count as an address in four decimal parts only, since others read them otherwise (WHATWG URL,
    "ends in a number"). Raises ValueError for what is neither a name nor an address.
    """
    if ":" in host and "%" not in host:
        return str(ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]")))
    name = _ascii(host).removesuffix(".")
    labels = name.split(".")
    if NUMBER.fullmatch(labels[-1]):
        return str(ipaddress.IPv4Address(name))
    if len(name) > HOST_CHARS_MAX or not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError("This is no name of a host.")
    return name


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise ValueError("This is no name of a host.") from error
