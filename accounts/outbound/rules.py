"""Which addresses may be connected to: public ones, and what the operator allows besides."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from accounts.outbound.hosts import canonical_host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = frozenset({80, 443, 993, 8080, 8443})


class AddressRefused(Exception):
    """An address that is not connected to; the message may be shown and tells nothing of what is there."""


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# IANA's special-purpose registries (RFC 6890 and its successors), and multicast.
NOT_PUBLIC = networks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    # Of global unicast: protocol assignments with Teredo among them, documentation, 6to4.
    "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)  # fmt: skip
# Everything else of IPv6, such as mapped and compatible IPv4, unique local or link-local, is no public host.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# How an IPv6-only network reaches public IPv4 hosts (RFC 6052): as public as what is inside.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# A cloud's keys to itself. No allowance covers them, or 169.254.0.0/16 in a hurry would give them away.
METADATA = networks(
    "169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "168.63.129.16/32", "100.100.100.200/32",
    "192.0.0.192/32", "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What an operator allows beyond public addresses. `ports`: None for any."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] | None = PORTS

    @classmethod
    def parsed(cls, allow: Iterable[str], ports: Iterable[int] = PORTS) -> Self:
        """From networks such as 10.1.0.0/16 and names of hosts. Raises ValueError for what is neither."""
        found: list[Network] = []
        hosts: set[str] = set()
        for text in allow:
            try:
                found.append(ipaddress.ip_network(text))
            except ValueError:
                if "/" in text:
                    raise
                hosts.add(canonical_host(text))
        return cls(networks=tuple(found), hosts=frozenset(hosts), ports=frozenset(ports))

    def port(self, port: int) -> bool:
        return self.ports is None or port in self.ports

    def address(self, host: str, address: Address) -> bool:
        """Whether `host`, as it resolved to this address, may be connected to there."""
        written = unwrapped(address)
        if any(written in network for network in METADATA):
            return False
        if host in self.hosts or any(address in network for network in self.networks):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    """Whether this is an address of the public internet, whatever form it is written in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_public(unwrapped(address))
        if address not in GLOBAL_UNICAST:
            return False
    return not any(address in network for network in NOT_PUBLIC)


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that is mapped, compatible, 6to4, Teredo or NAT64; else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    if address.teredo:
        return address.teredo[1]
    if address in NAT64 or 1 < int(address) < 2**32:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
