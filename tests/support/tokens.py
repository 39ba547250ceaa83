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
    **claims: object,
) -> str:
    """A token of this user: pattern of rooms to role, or one role for all rooms; it ends `seconds` from now.

    Its `iat` is the time of minting and its `jti` random, unless they are among the `claims`; a claim that is None is
    left out.
    """
    now = time.time()
    given: dict[str, object] = {
        "sub": user,
        "rooms": {"**": rooms} if isinstance(rooms, str) else dict(rooms),
        "iat": int(now),
        "exp": now + seconds,
        "jti": uuid.uuid4().hex,
        **claims,
    }
    return jwt.encode({name: value for name, value in given.items() if value is not None}, secret, "HS256")


def shown_by(kind: str, shown: str, by_function: bool = False) -> dict[str, object]:
    """The options of `NodeClients.create` by which a kind of client shows a token."""
    if kind.startswith("y-websocket"):
        return {"params": {"token": shown}}
    return {"token": shown, "tokenFunction": by_function}
