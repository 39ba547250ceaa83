"""Tokens as an application mints them, with PyJWT: nothing of Motet's own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

import jwt

SECRET = "a secret of the tests, 32 bytes and more"
OTHER_SECRET = "a secret that no server of the tests has"
SECURED = {"MOTET_SECRET": SECRET}
"""The environment of a server that wants these tokens."""


def token(
    user: str,
    rooms: Mapping[str, str] | str = "editor",
    seconds: float = 3600,
    *,
    secret: str = SECRET,
    **changed: object,
) -> str:
    """A token of this user: pattern of rooms to role, or one role for all rooms; it ends `seconds` from now.

    Its `iat` is the time of minting and its `jti` random, unless they are among those `changed`; a claim that is None
    is left out.
    """
    return jwt.encode(claims(user, rooms, seconds, **changed), secret, "HS256")


def claims(
    user: str, rooms: Mapping[str, str] | str = "editor", seconds: float = 3600, **changed: object
) -> dict[str, object]:
    """What such a token says."""
    now = time.time()
    given: dict[str, object] = {
        "sub": user,
        "rooms": {"**": rooms} if isinstance(rooms, str) else dict(rooms),
        "iat": int(now),
        "exp": now + seconds,
        "jti": uuid.uuid4().hex,
        **changed,
    }
    return {name: value for name, value in given.items() if value is not None}


def shown_by(kind: str, shown: str, by_function: bool = False) -> dict[str, object]:
    """The options of `NodeClients.create` by which a kind of client shows a token."""
    if kind.startswith("y-websocket"):
        return {"params": {"token": shown}}
    return {"token": shown, "tokenFunction": by_function}
