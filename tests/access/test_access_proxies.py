"""Who is the client, when proxies stand between."""

from __future__ import annotations

import random

import pytest

from motet.access import Proxies
from motet.errors import ConfigError
from support.seeds import fresh

OURS = Proxies(("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "unix"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("192.0.2.7", "203.0.113.5", "203.0.113.5"),
        ("unix", "203.0.113.5", "203.0.113.5"),
        ("unix", None, "unix"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.5, 10.9.9.9,192.0.2.7", "203.0.113.5"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("2001:db8::1", "2001:db9::5", "2001:db9::5"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(
    peer: str, forwarded_for: str | None, client: str
) -> None:
    """[X25] What stands left of it, the client may have written itself; where all are proxies it is the leftmost."""
    assert OURS.client_of(peer, forwarded_for) == client


@pytest.mark.parametrize("peer", ["203.0.113.9", "192.0.2.8", "2001:db9::1", "11.0.0.1", "nowhere"])
def test_a_peer_that_is_no_proxy_is_the_client(peer: str) -> None:
    """[X25] Whatever it says of itself."""
    assert OURS.client_of(peer, "198.51.100.1") == peer


def test_without_proxies_nobody_is_believed() -> None:
    """[X25] A unix socket too is no proxy unless it is said to be."""
    for peer in ("127.0.0.1", "::1", "10.0.0.1", "unix"):
        assert Proxies(()).client_of(peer, "198.51.100.1") == peer


@pytest.mark.parametrize(
    "garbage",
    ["unknown", "_hidden", "unix", "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "[::1", "1.2.3.4:x", "a\xff", "::1:9x"],
)
def test_what_is_no_address_ends_the_walk(garbage: str) -> None:
    """[X25] With the last that was one."""
    assert OURS.client_of("10.0.0.1", f"198.51.100.1, {garbage}, 10.0.0.2") == "10.0.0.2"
    assert OURS.client_of("10.0.0.1", f"198.51.100.1, {garbage}") == "10.0.0.1"


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("1.2.3.4:5", "1.2.3.4"),
        ("[::1]:123", "::1"),
        ("[::1]", "::1"),
        ("2001:DB9:0:0::1", "2001:db9::1"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("[::ffff:203.0.113.5]:80", "203.0.113.5"),
    ],
)
def test_addresses_have_one_form(written: str, client: str) -> None:
    """[X26] Without brackets and port, in lower case, IPv4 as IPv4: so that a limit counts one client once."""
    assert OURS.client_of("10.0.0.1", written) == client
    assert OURS.client_of("::ffff:10.0.0.1", f"{written}, ::ffff:10.0.0.2") == client


def test_a_peer_has_one_form_too() -> None:
    """[X26] A socket that listens on both families names IPv4 peers in IPv6."""
    assert Proxies(()).client_of("::ffff:203.0.113.5", None) == "203.0.113.5"


@pytest.mark.parametrize(
    "entry", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "*", "", "10.0.0.1:80", "::ffff:10.0.0.1"]
)
def test_what_is_neither_address_nor_network_is_a_configuration_error(entry: str) -> None:
    """[X27] That says how to write it."""
    with pytest.raises(ConfigError, match=r"trusted_proxies.*10\.0\.0\.0/8"):
        Proxies((entry,))


@pytest.mark.parametrize("seed", [1, 2, 3, fresh()])
def test_nothing_that_a_client_writes_changes_who_it_is(seed: int) -> None:
    """[X25] The proxy adds the client on the right of whatever came."""
    rng = random.Random(seed)
    alphabet = "0123456789abcdef.:,[] ux\xff"
    for _ in range(2000):
        written = "".join(rng.choices(alphabet, k=rng.randrange(60)))
        assert OURS.client_of("10.0.0.1", f"{written}, 203.0.113.5") == "203.0.113.5", f"seed {seed}: {written!r}"
        OURS.client_of("10.0.0.1", written)
