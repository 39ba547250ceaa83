"""Which pages may connect, and the ways in which one pretends to be another."""

from __future__ import annotations

import re

import pytest

from motet.access import Origins
from motet.errors import ConfigError

CLOSED = Origins((), loopback_pages=False)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://app.example", "app.example"),
        ("https://app.example", "app.example:443"),
        ("http://app.example:80", "app.example"),
        ("http://app.example:8000", "app.example:8000"),
        ("https://APP.example:8443", "app.EXAMPLE:8443"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[2001:DB8::1]:8000", "[2001:db8::1]:8000"),
        ("http://[::1]", "[::1]:80"),
        ("http://my_host:1", "my_host:1"),
    ],
)
def test_our_own_pages_may_connect(origin: str, host: str) -> None:
    """[X20] Host and port are the same, a default port aside; TLS may have ended at a proxy."""
    assert CLOSED.allows(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "app.example"),
        ("https://app.example:8443", "app.example"),
        ("http://app.example", "app.example:443"),
        ("https://app.example", "app.example:80"),
        ("https://sub.app.example", "app.example"),
        ("https://app.example.evil.example", "app.example"),
        ("https://app.example", None),
        ("https://app.example", ""),
        ("https://app.example", "app.example, app.example"),
        ("http://localhost:3000", "localhost:8000"),
        ("http://[::1]:1", "[::2]:1"),
        ("http://::1", "::1"),
    ],
)
def test_pages_of_other_origins_may_not(origin: str, host: str | None) -> None:
    """[X20] Another host, another port, or a Host that names nothing."""
    assert not CLOSED.allows(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8000@evil.example",
        "http://evil.example@localhost:8000",
        "http://evil.example#localhost:8000",
        "http://evil.example?localhost:8000",
        "http://evil.example/localhost:8000",
        "http://localhost:8000/",
        "http://localhost.:8000",
        "http://localhost:08000",
        "http://localhost:8000\n",
        " http://localhost:8000",
        "http://localhost:8000, http://localhost:8000",
        "http://localhost:\u0668\u0660\u0660\u0660",
        "http://lo\u0441alhost:8000",
        "http:/localhost:8000",
        "//localhost:8000",
        "localhost:8000",
        "file://localhost:8000",
        "chrome-extension://localhost:8000",
        "http://*.localhost:8000",
        "*",
        "null",
        "",
    ],
)
@pytest.mark.parametrize("origins", [CLOSED, Origins(("http://localhost:9000",), True)], ids=["closed", "loopback"])
def test_nothing_but_an_origin_is_one(origins: Origins, origin: str) -> None:
    """[X21] User names, paths, fragments, dots, other digits and look-alikes make no page ours."""
    for host in ("localhost:8000", "localhost.:8000", origin):
        assert not origins.allows(origin, host)
    assert not origins.listed(origin)


def test_who_is_no_browser_may_connect() -> None:
    """[X20] A browser sends an Origin with every upgrade and every request to another origin."""
    assert CLOSED.allows(None, "app.example") and CLOSED.allows(None, None)


LISTED = Origins(
    ("https://app.example", "http://Dev.example:3000", "https://*.tenants.example:8443", "capacitor://localhost"),
    loopback_pages=False,
)


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ("https://app.example", True),
        ("https://app.example:443", True),
        ("http://dev.example:3000", True),
        ("https://a.tenants.example:8443", True),
        ("https://a.b-c.tenants.example:8443", True),
        ("capacitor://localhost", True),
        ("http://app.example", False),
        ("https://app.example:80", False),
        ("https://tenants.example:8443", False),
        ("https://.tenants.example:8443", False),
        ("https://a..tenants.example:8443", False),
        ("https://a.tenants.example", False),
        ("https://evil-tenants.example:8443", False),
        ("https://a.tenantsxexample:8443", False),
        ("https://evil.example/.tenants.example:8443", False),
        ("https://evil.example:8443@a.tenants.example:8443", False),
        ("https://app.example.evil.example", False),
        ("http://localhost:3000", False),
    ],
)
def test_the_list_is_exact_but_for_its_labels(origin: str, listed: bool) -> None:
    """[X22] And CORS says the same as the upgrade."""
    assert LISTED.allows(origin, "motet.example") is listed
    assert LISTED.listed(origin) is listed
    lower = origin.removesuffix(":443")
    assert (re.fullmatch(LISTED.cors.pattern, lower) is not None) is listed


@pytest.mark.parametrize(
    "entry",
    [
        "app.example",
        "localhost:8000",
        "https://app.example/",
        "https://app.example/path",
        "https://user@app.example",
        "https://*",
        "https://app.*.example",
        "https://app*.example",
        "https://app.example:*",
        "*.example.com",
        "https://",
        "null",
        "",
    ],
)
def test_what_is_no_origin_is_a_configuration_error(entry: str) -> None:
    """[X22] That says how to write it."""
    with pytest.raises(ConfigError, match=r"allowed_origins.*https://app\.example"):
        Origins((entry,), loopback_pages=False)


def test_a_star_is_every_page_and_lists_none() -> None:
    """[X23] So that a cookie is never taken from a page that nobody named; null is let in too."""
    origins = Origins(("*", "https://app.example"), loopback_pages=True)
    for origin in ("https://evil.example", "null", None):
        assert origins.allows(origin, "elsewhere.example")
        assert not origins.listed(origin)
    assert origins.listed("https://app.example")
    assert (origins.cors.every_origin, origins.cors.credentials) == (True, False)
    assert (LISTED.cors.every_origin, LISTED.cors.credentials) == (False, True)


@pytest.mark.parametrize(
    ("origin", "may"),
    [
        ("http://localhost:5173", True),
        ("https://localhost", True),
        ("http://127.0.0.1:5173", True),
        ("http://127.0.0.2:8000", True),
        ("http://[::1]:8000", True),
        ("https://listed.example", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example:8000", False),
        ("http://128.0.0.1:8000", False),
        ("null", False),
    ],
)
def test_in_open_mode_on_loopback_pages_of_this_machine_may_and_nobody_else(origin: str, may: bool) -> None:
    """[X24] Whatever the Host: a page elsewhere can have its own name resolved to 127.0.0.1 (DNS rebinding)."""
    origins = Origins(("https://listed.example",), loopback_pages=True)
    for host in ("localhost:8000", origin.partition("://")[2], None):
        assert origins.allows(origin, host) is may
    assert (re.fullmatch(origins.cors.pattern, origin) is not None) is may


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]", True),
        ("listed.example", True),
        ("a.b.listed.example:8000", True),
        (None, True),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("evil.example@localhost", False),
        ("", False),
    ],
)
def test_in_open_mode_on_loopback_a_foreign_host_is_a_page_elsewhere(host: str | None, may: bool) -> None:
    """[X24] It asks with GET and so without an Origin."""
    origins = Origins(("https://listed.example", "https://*.listed.example"), loopback_pages=True)
    assert origins.allows(None, host) is may
