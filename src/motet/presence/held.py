"""What a roster holds of entries and of members."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from motet.presence.awareness import GONE


class Said(NamedTuple):
    """What a client said of itself: a clock, JSON as bytes, and the two written as an entry of an update."""

    clock: int
    state: bytes
    written: bytes


class Held:
    """An entry that is shown, and who owns it."""

    __slots__ = ("challenged", "claim", "client", "ends", "member", "provoked", "risen", "said", "user")

    def __init__(self, client: int) -> None:
        self.client = client
        self.user = ""
        self.member = 0  # 0 when its connection has ended and a grace runs, until `ends`
        self.ends = inf
        self.said = Said(-1, GONE, b"")
        self.risen = -inf
        self.provoked = False
        self.claim: tuple[int, Said] | None = None
        self.challenged = -inf


class Member:
    """A connection that has said something."""

    __slots__ = ("entries", "own", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        # The first client that a connection names is its own: providers announce themselves before they repeat others.
        self.own: int | None = None
        self.entries: dict[int, Held] = {}
