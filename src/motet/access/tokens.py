"""Grants from signed tokens (JWT, RFC 7519). PyJWT checks the signature; claims are checked here, by our clock.

PyJWT's own checks of claims take `"exp": "1"` for a number, and have one leeway for all times; ours end a grant at the
very second at which its sockets are closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Final

import jwt

from motet.access.grant import Credentials, Grant
from motet.access.jwks import JwksKeys
from motet.access.keys import Key
from motet.access.roles import Roles
from motet.access.strict import Color, PatternText, Strict, Text, Time, parse
from motet.errors import NotAuthenticated
from motet.ids import RoomName, UserId

MAX_TOKEN: Final = 8 * 1024
"""Characters; a longer one is refused before anything is done with it."""
LEEWAY: Final = 30.0
"""Seconds by which an issuer's clock may be ahead of ours."""
KEYS_WITHIN: Final = frozenset({"jwk", "jku", "x5u", "x5c"})
"""Headers by which a token would bring its own key."""

_jws = jwt.PyJWS()


class _Claims(Strict):
    sub: Text
    rooms: dict[PatternText, str]
    exp: Time
    name: Text | None = None
    color: Color | None = None
    iat: Time | None = None
    nbf: Time | None = None
    jti: Text | None = None
    iss: str | None = None
    aud: str | list[str] | None = None


class TokenAccess:
    """Grants of whoever shows a token that one of the keys signed. `now` gives seconds since the epoch."""

    def __init__(
        self,
        keys: Sequence[Key],
        jwks: JwksKeys | None,
        roles: Roles,
        now: Callable[[], float],
        audience: str | None = None,
        issuer: str | None = None,
    ) -> None:
        self._keys = tuple(keys)
        self._jwks = jwks
        self._roles = roles
        self._now = now
        self._audience = audience
        self._issuer = issuer

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """The grant in the token. Raises NotAuthenticated with a reason that does not hold the token, Unavailable."""
        payload = await self._signed(credentials.token)
        try:
            claims = parse(_Claims, payload)
        except ValueError as e:
            raise NotAuthenticated(f"the token cannot be used: {e}") from None
        self._check(claims)
        return Grant(
            user=UserId(claims.sub),
            name=claims.name or claims.sub,
            rooms=claims.rooms,
            expires=claims.exp,
            attributes={} if claims.color is None else {"color": claims.color},
            issued=-inf if claims.iat is None else claims.iat - LEEWAY,
            token_id=claims.jti or "",
        )

    async def _signed(self, token: str) -> bytes:
        """What somebody who has a key has signed."""
        algorithm, key_id = _header(token)
        keys: list[Key] = [key for key in self._keys if key.fits(algorithm, key_id)]
        payload = _verified(token, algorithm, keys)
        if payload is None and self._jwks is not None and algorithm in self._jwks.algorithms:
            fetched = await self._jwks.matching(algorithm, key_id)
            payload = _verified(token, algorithm, fetched)
            keys += fetched
        if payload is not None:
            return payload
        raise NotAuthenticated("the signature is wrong" if keys else "no key of ours is for this token's signature")

    def _check(self, claims: _Claims) -> None:
        now = self._now()
        if claims.exp <= now:
            raise NotAuthenticated("the token has expired")
        if max(claims.iat or 0, claims.nbf or 0) > now + LEEWAY:
            raise NotAuthenticated("the token is of the future: the clocks differ, or it is not valid yet")
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if (audiences is not None) if self._audience is None else (self._audience not in (audiences or ())):
            raise NotAuthenticated("the token is for another audience")  # RFC 7519, section 4.1.3
        if self._issuer is not None and claims.iss != self._issuer:
            raise NotAuthenticated("the token is of another issuer")
        if (unknown := self._roles.unknown(claims.rooms.values())) is not None:
            raise NotAuthenticated(f"the token names the role {unknown[:40]!r}, and there is no such role")


def _header(token: str) -> tuple[str, str | None]:
    """Algorithm and key id that a token names. Raises NotAuthenticated."""
    if not token:
        raise NotAuthenticated("no token")
    if len(token) > MAX_TOKEN or not token.isascii():
        raise NotAuthenticated(f"a token is ASCII, of at most {MAX_TOKEN} characters")
    try:
        header = _jws.get_unverified_header(token)
    except jwt.PyJWTError:
        raise NotAuthenticated("this is no signed token (JWT)") from None
    if header.keys() & KEYS_WITHIN:
        raise NotAuthenticated("the token brings its own key")
    if header.keys() & {"crit", "b64"}:
        raise NotAuthenticated("the token wants an extension that is not known here (crit)")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise NotAuthenticated("the token names no algorithm")
    return algorithm, key_id


def _verified(token: str, algorithm: str, keys: Iterable[Key]) -> bytes | None:
    """The payload, if one of the keys signed it. `algorithm` is one that each of them is bound to."""
    for key in keys:
        try:
            payload: bytes = _jws.decode(token, key.material, [algorithm])
        except jwt.PyJWTError:
            continue
        return payload
    return None


def mint(key: Key, claims: Mapping[str, object]) -> str:
    """A token of these claims, signed with a secret."""
    if not isinstance(key.material, bytes):
        raise TypeError("tokens are signed with a secret")
    return jwt.encode(dict(claims), key.material, min(key.algorithms))
