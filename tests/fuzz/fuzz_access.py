"""Tokens, keys, patterns, origins and proxies, as strangers and careless operators write them.

A grant comes only of what a key of ours has signed, and says what was signed; patterns and forwarded addresses agree
with judges that are slow and obvious; everything else is refused by the one error that is designed for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import re
from typing import Final

from choices import Choices

from motet.access import Credentials, Grant, Origins, Proxies, built_in, token_of
from motet.access.keys import PUBLIC, Key, _keys_of_pem, keys_of_jwks, secret_key
from motet.access.patterns import Pattern, closest
from motet.access.tokens import LEEWAY, TokenAccess
from motet.errors import ConfigError, NotAuthenticated
from motet.ids import RoomName

SECRET: Final = b"0123456789abcdef0123456789abcdef"
OTHER: Final = b"another secret that nobody here has"
NOW: Final = 1_000_000.0
ROOM: Final = RoomName("notes/1")
ACCESS: Final = TokenAccess([secret_key(SECRET, frozenset())], None, built_in(), lambda: NOW)
ANY: Final = frozenset({*PUBLIC, "HS256", "HS384", "HS512"})
HEADERS: Final = (
    b'{"alg":"HS256","typ":"JWT"}',
    b'{"alg":"none"}',
    b'{"alg":"HS512"}',
    b'{"alg":"HS256","kid":"1"}',
    b'{"alg":"HS256","crit":["exp"]}',
    b'{"alg":"HS256","b64":false}',
    b'{"alg":"RS256"}',
    b'{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}',
)
ORIGINS: Final = (
    Origins(("https://app.example", "https://*.example.com:8443", "http://[::1]:3000"), loopback_pages=False),
    Origins((), loopback_pages=True),
    Origins(("*",), loopback_pages=False),
)
STRANGER: Final = "203.0.113.9"
PROXIES: Final = Proxies(("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "unix"))


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _granted(token: str) -> Grant | None:
    """What the server makes of a token; no network is asked, so it answers at once."""
    asked = ACCESS.grant(Credentials(token, "10.0.0.1"), ROOM)
    try:
        asked.send(None)
    except StopIteration as answer:
        grant = answer.value
        assert isinstance(grant, Grant)
        return grant
    except NotAuthenticated as refusal:
        assert len(token) < 8 or token not in str(refusal)
        return None
    raise AssertionError("it waits for somebody")


def _is_ours(token: str) -> bool:
    """Whether it ends in the signature of what comes before it."""
    said, _, signature = token.rpartition(".")
    # base64 has spare bits and PyJWT ignores them: what counts is the bytes that are meant
    ours = hmac.new(SECRET, said.encode(), hashlib.sha256).digest()
    try:
        return base64.urlsafe_b64decode(signature + "==") == ours
    except ValueError:
        return False


def _signed(choices: Choices) -> None:
    """Any header and claims, signed by our key; then by another, and by nobody."""
    header = choices.one_of(HEADERS)
    if choices.below(4) == 3:
        header = choices.blob()
    claims = choices.rest()
    said = _base64(header) + b"." + _base64(claims)
    grant = _granted(_token(said, hmac.new(SECRET, said, hashlib.sha256).digest()))
    if grant is None:
        return
    for forged in (hmac.new(OTHER, said, hashlib.sha256).digest(), hmac.new(b"", said, hashlib.sha256).digest(), b""):
        assert _granted(_token(said, forged)) is None
    told_header = json.loads(header)
    assert told_header["alg"] == "HS256" and not told_header.keys() & {"crit", "b64", "jwk", "jku", "x5u", "x5c"}
    told = json.loads(claims)
    assert (grant.user, dict(grant.rooms), grant.expires) == (told["sub"], told["rooms"], told["exp"])
    assert grant.expires > NOW
    assert max(told.get("nbf") or 0, told.get("iat") or 0) <= NOW + LEEWAY
    assert told.get("aud") is None


def _token(said: bytes, signature: bytes) -> str:
    return (said + b"." + _base64(signature)).decode()


def _any_token(choices: Choices) -> None:
    token = choices.rest().decode("latin-1")
    if _granted(token) is not None:
        assert _is_ours(token)


def _token_of(choices: Choices) -> None:
    """Where a token is looked for: what is found is a part of what was sent."""
    header, cookie, query = choices.text(), choices.text(), choices.text()
    subprotocols = [choices.text() for _ in range(choices.below(3))]
    found = token_of({"authorization": header, "cookie": cookie}, {"token": query}, subprotocols, "motet")
    assert found == "" or any(found in place for place in (header, cookie, query, *subprotocols))
    assert token_of({"cookie": cookie}, {}, (), None) == ""


def _keys(choices: Choices) -> None:
    """A JWKS or PEM file: keys of ours are public, and bound to their algorithms."""
    read = choices.one_of((keys_of_jwks, _keys_of_pem))
    try:
        keys: tuple[Key, ...] = read(choices.rest(), ANY)
    except ValueError:
        return
    for key in keys:
        assert key.algorithms and key.algorithms <= PUBLIC
        assert not isinstance(key.material, bytes)


def _secrets(choices: Choices) -> None:
    secret = choices.rest()
    try:
        key = secret_key(secret, frozenset())
    except ConfigError:
        return
    assert key.algorithms == {"HS256"} and len(secret) >= 32


def _slowly_matches(pattern: list[str], room: list[str]) -> bool:
    """What `*` and `**` mean, word for word."""
    if not pattern:
        return not room
    if pattern[0] == "**":
        return any(_slowly_matches(pattern[1:], room[n:]) for n in range(len(room) + 1))
    return (
        bool(room)
        and (pattern[0] == room[0] or (pattern[0] == "*" and room[0] != ""))
        and _slowly_matches(pattern[1:], room[1:])
    )


def _patterns(choices: Choices) -> None:
    texts = [choices.text() for _ in range(1 + choices.below(3))]
    room = choices.text()
    fitting = []
    try:
        for text in texts:
            if Pattern(text).matches(room):
                fitting.append(text)
            if text.count("**") < 5 and room.count("/") < 12:
                assert _slowly_matches(text.split("/"), room.split("/")) == (text in fitting)
        found = closest(texts, room)
    except ValueError:
        return
    assert found == (min(fitting, key=lambda text: ([-n for n in Pattern(text).rank], text)) if fitting else None)
    assert closest(texts[::-1], room) == found


def _origins(choices: Choices) -> None:
    origins, origin, host = choices.one_of(ORIGINS), choices.text(), choices.text()
    allowed, listed = origins.allows(origin, host), origins.listed(origin)
    assert allowed or not listed
    if origins is ORIGINS[0]:
        assert listed == bool(
            re.fullmatch(
                r"https://app\.example(:443)?|https://([a-z0-9_-]+\.)+example\.com:8443|http://\[::1\]:3000",
                origin.lower(),
            )
        )
    origins.allows(None, host)
    origins.allows(origin, None)


def _origin_lists(choices: Choices) -> None:
    entries = [choices.text() for _ in range(1 + choices.below(3))]
    try:
        origins = Origins(entries, loopback_pages=False)
    except ConfigError:
        return
    for entry in entries:
        if "*" not in entry:
            assert origins.listed(entry) and origins.allows(entry, None)
    re.compile(origins.cors.pattern)


def _proxies(choices: Choices) -> None:
    peer, forwarded = choices.one_of((STRANGER, "10.0.0.7", "unix", "::ffff:10.1.1.1")), choices.text()
    client = PROXIES.client_of(peer, forwarded)
    if peer == STRANGER:
        assert client == peer
    if client != "unix":
        assert str(ipaddress.ip_address(client)) == client
    PROXIES.trusts(forwarded)


def _proxy_lists(choices: Choices) -> None:
    entries = [choices.text() for _ in range(1 + choices.below(3))]
    try:
        proxies = Proxies(entries)
    except ConfigError:
        return
    for entry in entries:
        assert entry == "unix" or proxies.trusts(str(ipaddress.ip_network(entry)[0]))


SUBJECTS: Final = (
    _signed,
    _any_token,
    _token_of,
    _keys,
    _secrets,
    _patterns,
    _origins,
    _origin_lists,
    _proxies,
    _proxy_lists,
)


def one(data: bytes) -> None:
    """Raises for a bug only."""
    choices = Choices(data)
    choices.one_of(SUBJECTS)(choices)
