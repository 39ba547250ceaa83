"""`motet token`: a signed token, for trying and for scripts. An application mints its users' tokens itself."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Annotated

import typer

from motet.access import Credentials, Roles
from motet.access.keys import secret_key
from motet.access.sources import secret_of
from motet.access.tokens import TokenAccess, mint
from motet.config import load
from motet.errors import ConfigError, NotAuthenticated
from motet.ids import RoomName

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def token(
    user: Annotated[str, typer.Option(help="the user's id (sub)")],
    room: Annotated[
        list[str], typer.Option(metavar="PATTERN=ROLE", help="a role in rooms; * is one segment, ** any; repeatable")
    ],
    expires: Annotated[str, typer.Option(help="for so long: 30s, 15m, 1h, 7d")] = "1h",
    name: Annotated[str | None, typer.Option(help="the name that others see")] = None,
    color: Annotated[str | None, typer.Option(help="the colour of the cursor, for example #c00")] = None,
    jti: Annotated[str | None, typer.Option(help="the token's id, for revoking it; random when not given")] = None,
    audience: Annotated[str | None, typer.Option(help="[env MOTET_JWT_AUDIENCE]", show_default=False)] = None,
    issuer: Annotated[str | None, typer.Option(help="[env MOTET_JWT_ISSUER]", show_default=False)] = None,
) -> None:
    """Print a token that is signed with the server's secret (MOTET_SECRET, MOTET_SECRET_FILE or the settings file)."""
    settings = load({"jwt_audience": audience, "jwt_issuer": issuer})
    secret = secret_of(settings)
    if secret is None:
        raise ConfigError(
            "there is no secret to sign with: set MOTET_SECRET_FILE (or MOTET_SECRET) as the server has it; "
            "`openssl rand -base64 32` makes one"
        )
    key = secret_key(secret, frozenset(settings.jwt_algorithms))
    now = int(time.time())
    claims = {
        "sub": user,
        "name": name,
        "color": color,
        "rooms": dict(map(_room, room)),
        "iat": now,
        "exp": now + _seconds(expires),
        "jti": jti or secrets.token_urlsafe(12),
        "aud": settings.jwt_audience,
        "iss": settings.jwt_issuer,
    }
    minted = mint(key, {claim: value for claim, value in claims.items() if value is not None})
    roles = Roles(settings.roles, settings.lanes)
    access = TokenAccess([key], None, roles, time.time, settings.jwt_audience, settings.jwt_issuer)
    try:
        asyncio.run(access.grant(Credentials(minted, "unix"), RoomName("")))
    except NotAuthenticated as e:  # as the server would
        raise ConfigError(f"the server would refuse this token: {e}") from None
    print(minted)


def _room(given: str) -> tuple[str, str]:
    pattern, equals, role = given.rpartition("=")
    if not equals:
        raise ConfigError(f"--room {given!r} must be PATTERN=ROLE, for example 'notes/*=editor'")
    return pattern, role


def _seconds(duration: str) -> int:
    parts = re.fullmatch(r"([0-9]{1,9})([smhd])", duration)
    if parts is None:
        raise ConfigError(f"--expires {duration!r} must be a number of s, m, h or d, for example 1h")
    return int(parts[1]) * UNITS[parts[2]]
