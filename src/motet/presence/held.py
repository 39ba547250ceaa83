"""What a roster holds of entries and of members."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from motet.errors import ProtocolViolation
from motet.presence.awareness import GONE, MAX_STATE, Span, is_gone, write_entry
from motet.presence.identity import Identity, Stamp


class Shown(NamedTuple):
    """An entry as an operator sees it; the state is JSON."""

    client: int
    user: str
    state: str


class Said(NamedTuple):
    """What a client said of itself."""

    clock: int
    state: bytes
    """JSON as it was sent; GONE however a null was written."""
    shown: bytes
    """The state as the others get it: with the identity of who said it, in an authenticated room."""
    written: bytes
    """Clock and shown state as an entry of an update; b"" for the end."""


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
        self.said = Said(-1, GONE, GONE, b"")
        self.risen = -inf
        self.provoked = False
        self.candidate = 0  # the member that may be its client's new connection: it named the client at the known clock
        self.claim: tuple[int, Said] | None = None
        self.challenged = -inf
        self.refused = 0  # the last member whose claim the owner answered


class Member:
    """A connection that has said something."""

    __slots__ = ("_stamp", "entries", "identity", "named", "own")

    def __init__(self, identity: Identity) -> None:
        self.identify(identity)
        self.named = False  # it has named a client
        # Its own client, the first whose entry it got: providers announce themselves before they repeat others.
        self.own: int | None = None
        self.entries: dict[int, Held] = {}

    def identify(self, identity: Identity) -> None:
        """It says what it says as this one from now on."""
        self.identity = identity
        self._stamp = Stamp(identity) if identity.user else None

    def read(self, payload: bytes, span: Span, known: Said | None = None) -> Said:
        """What an entry says, under this member's identity. Raises ProtocolViolation.

        `known` is what this member said of it before; a state that is the same is not read again. Never give what
        another member said: that has another's stamp.
        """
        state = payload[span.state_at : span.end]
        if known is not None and state == known.state:
            shown = known.shown
        elif len(state) > MAX_STATE:
            raise ProtocolViolation(f"a presence state has {len(state)} bytes; the limit is {MAX_STATE}")
        elif self._stamp is not None:
            shown = self._stamp.mark(state)
        else:
            shown = GONE if is_gone(state) else state
        if shown == GONE:
            return Said(span.clock, GONE, GONE, b"")
        if self._stamp is None:
            return Said(span.clock, state, shown, payload[span.start : span.end])
        return Said(span.clock, state, shown, write_entry(span.client, span.clock, shown))

    def repeat(self, client: int, said: Said) -> Said:
        """The same under the identity that it has now."""
        shown = said.state if self._stamp is None else self._stamp.mark(said.state)
        return Said(said.clock, said.state, shown, write_entry(client, said.clock, shown))
