"""Whose word about a client's address is believed: X-Forwarded-For is, as far as proxies of ours wrote it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from motet.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"
"""The address of every peer that came over a unix socket."""

_IPV4_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5}", re.ASCII)


class Proxies:
    """The proxies that are trusted: addresses, networks, and `unix` for whoever comes over a unix socket.

    Raises ConfigError for anything else.
    """

    def __init__(self, trusted: Sequence[str]) -> None:
        self._unix = UNIX in trusted
        self._networks = tuple(_network(entry) for entry in trusted if entry != UNIX)

    def client_of(self, peer: str, forwarded_for: str | None) -> str:
        """The client's address: an IP address in its usual form, or what the peer is called when it has none.

        `peer` is the socket's other end, `forwarded_for` the whole X-Forwarded-For, in which every proxy adds on the
        right whom it talks to. The walk goes from right to left, and ends with the first that is no proxy of ours, at
        the left end, or before what is no address.
        """
        address = _address(peer)
        client = peer if address is None else str(address)
        if not forwarded_for or not self.trusts(peer):
            return client
        rest = forwarded_for
        while rest:
            rest, _, entry = rest.rpartition(",")
            address = _address(entry)
            if address is None:
                break
            client = str(address)
            if not self._trusts(address):
                break
        return client

    def trusts(self, peer: str) -> bool:
        """Whether the socket's other end is a proxy of ours."""
        address = _address(peer)
        return self._unix and peer == UNIX if address is None else self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """The address that this means, with or without brackets and port; None when it means none."""
    text = text.strip()
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(text if found is None else found[1] or found[2])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(entry: str) -> Network:
    try:
        network = ipaddress.ip_network(entry)
        if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_IPV4_MAPPED):
            raise ValueError("an IPv4 address is written as one")
    except ValueError as error:
        raise ConfigError(
            f"trusted_proxies has {entry!r}: write addresses (192.0.2.1), networks (10.0.0.0/8, no bits set behind "
            f"the slash) or the word unix; {error}"
        ) from None
    return network
