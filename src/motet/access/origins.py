"""Pages of which origins may open sockets and call the API.

A browser lets any page connect to any server, but says where the page is from (RFC 6454), and a page cannot change
that. Who is no browser can say anything, and need not be stopped here: it has no visitors to act for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from motet.errors import ConfigError

ALL = "*"

_NOTHING = r"(?!)"
"""A regular expression that nothing matches."""
_HOST = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]"
_PORT = r"[1-9][0-9]{0,4}"
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<any>\*\.)?(?P<host>{_HOST})(?::(?P<port>{_PORT}))?")
_AUTHORITY = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>{_PORT}))?")
_ANY_LABELS = r"(?:[a-z0-9_-]+\.)+"
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LOOPBACK_HOST = r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]"
_LOOPBACK_PAGES = rf"https?://(?:{_LOOPBACK_HOST})(?::{_PORT})?"


class Cors(NamedTuple):
    """What the API's CORS answers need (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

    every_origin: bool
    pattern: str
    """A regular expression that the whole of an allowed origin matches, besides our own."""
    credentials: bool
    """Whether cookies may be allowed: not where every page is."""


class Origins:
    """The allowed origins: our own, and those of a list.

    Entries are `https://app.example`, `https://app.example:8443`, `https://*.example.com` (one or more labels, not
    example.com itself) and `*`. Raises ConfigError for anything else.

    `loopback_pages` is for open mode on loopback, where being able to connect is all that it takes: then pages of
    this machine may, whatever their port (a dev server's), and "our own" counts no more, since a page elsewhere can
    have its name resolved to 127.0.0.1 and so be of the same origin as we are.
    """

    def __init__(self, allowed: Sequence[str], loopback_pages: bool) -> None:
        entries = [_parsed(entry) for entry in allowed if entry != ALL]
        self._every = ALL in allowed
        self._loopback_only = loopback_pages
        listed = [_pattern(entry) for entry in entries]
        self._listed = re.compile("|".join(listed) or _NOTHING)
        self._own_hosts = re.compile("|".join([_LOOPBACK_HOST, *map(_host_pattern, entries)]))
        self.cors = Cors(
            self._every, "|".join(listed + [_LOOPBACK_PAGES] * loopback_pages) or _NOTHING, not self._every
        )
        self._pages = re.compile(self.cors.pattern)

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether whoever sends these headers may connect; None for a header that is not there.

        No Origin: it is no browser, or a request that a page can make but not of another origin.
        """
        if self._every:
            return True
        if origin is None:
            return not self._loopback_only or host is None or self._is_ours(host)
        if self._pages.fullmatch(_normal(origin)) is not None:
            return True
        return not self._loopback_only and host is not None and _same(origin, host)

    def listed(self, origin: str | None) -> bool:
        """Whether the list names this origin; `*` names none. Only then is a cookie evidence of anything."""
        return origin is not None and self._listed.fullmatch(_normal(origin)) is not None

    def _is_ours(self, host: str) -> bool:
        """Whether this is what a server on loopback is called, by itself or by the list."""
        found = _AUTHORITY.fullmatch(host.lower())
        return found is not None and self._own_hosts.fullmatch(found["host"]) is not None


def _parsed(entry: str) -> re.Match[str]:
    found = _ORIGIN.fullmatch(_normal(entry))
    if found is None:
        raise ConfigError(
            f"allowed_origins has {entry!r}: write scheme, host and port as browsers do, without a path "
            "(https://app.example, http://localhost:3000, https://*.example.com), or * for every page"
        )
    return found


def _pattern(entry: re.Match[str]) -> str:
    port = "" if entry["port"] is None else f":{entry['port']}"
    return f"{re.escape(entry['scheme'])}://{_host_pattern(entry)}{port}"


def _host_pattern(entry: re.Match[str]) -> str:
    return ("" if entry["any"] is None else _ANY_LABELS) + re.escape(entry["host"])


def _normal(origin: str) -> str:
    """In lower case, without the default port of its scheme, as browsers write it."""
    origin = origin.lower()
    scheme = origin.partition(":")[0]
    return origin.removesuffix(f":{_DEFAULT_PORTS[scheme]}") if scheme in _DEFAULT_PORTS else origin


def _same(origin: str, host: str) -> bool:
    """Whether a page of the origin was served under this Host: of its scheme we see only the default port, since TLS
    may end before us."""
    page = _ORIGIN.fullmatch(_normal(origin))
    if page is None or page["any"] is not None or page["scheme"] not in _DEFAULT_PORTS:
        return False
    server = _AUTHORITY.fullmatch(host.lower().removesuffix(f":{_DEFAULT_PORTS[page['scheme']]}"))
    return server is not None and (server["host"], server["port"]) == (page["host"], page["port"])
