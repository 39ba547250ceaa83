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

    __slots__ = (
        "candidate",
        "challenged",
        "claim",
        "client",
        "ends",
        "member",
        "provoked",
        "refused",
        "risen",
        "said",
        "user",
    )

    def __init__(self, client: int) -> None:
        self.client = client
        self.user = ""
        self.member = 0  # 0 when its connection has ended and a grace runs, until `ends`
        self.ends = inf
        self.said = Said(-1, GONE, b"")
        self.risen = -inf
        self.provoked = False
        self.candidate = 0  # the member that may be its client's new connection: it named the client at the known clock
        self.claim: tuple[int, Said] | None = None
        self.challenged = -inf
        self.refused = 0  # the last member whose claim the owner answered


class Member:
    """A connection that has said something."""

    __slots__ = ("entries", "named", "own", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        self.named = False  # it has named a client
        # Its own client, the first whose entry it got: providers announce themselves before they repeat others.
        self.own: int | None = None
        self.entries: dict[int, Held] = {}
