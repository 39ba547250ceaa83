"""For a server of the tests, as its `auth_callable`: a bug, and keys that are old after seconds."""

from __future__ import annotations

import os

from motet import Credentials
from motet.access import jwks
from motet.crdt.replica import Replica
from motet.ids import RoomName

POISON = "what the bug is about"
"""An update with this text in it cannot be taken."""

KEPT = 4.0
"""Seconds for which published keys are good without the issuer; a day where nothing is planted."""


def nobody(credentials: Credentials, room: RoomName) -> None:
    """Who is not known by a token is not known."""


def _plant() -> None:
    take = Replica.take

    def take_or_fail(self: Replica, data: bytes, origin: int) -> int:
        if POISON.encode() in data:
            raise ZeroDivisionError
        return take(self, data, origin)

    Replica.take = take_or_fail  # type: ignore[method-assign]
    jwks.KEPT, jwks.REFRESH, jwks.PAUSE, jwks.RETRY = KEPT, 1.0, 0.5, 0.5  # type: ignore[misc]


if os.environ.get("MOTET_AUTH_CALLABLE", "").startswith(f"{__name__}:"):
    _plant()  # in the server, not in the tests that know its names
