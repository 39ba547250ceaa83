"""Strangers who send what no client of ours would. They never write a document: what they send is not understood."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final
from urllib.parse import quote

from motet.simulation.network import Near, Network
from motet.simulation.ports import Timers
from motet.simulation.websocket import BINARY, PING, TEXT, masked

_ROOM: Final = "notes/a"
_NAME: Final = bytes((len(_ROOM),)) + _ROOM.encode()

_TORN: Final = b"\x01\xff\x01\x07\x00"
"""An update that promises 255 structs of one client and ends."""

_BAD: Final[tuple[bytes, ...]] = (
    masked(TEXT, b"hello"),
    masked(BINARY, b""),
    masked(BINARY, b"\x00"),
    masked(BINARY, b"\x00\x02\x05" + _TORN),
    masked(BINARY, b"\x00\x01\x05" + _TORN),
    masked(BINARY, b"\x00\x00\x03\x09\x09\x09"),
    masked(BINARY, b"\x01\x03\xff\xff\xff"),
    masked(BINARY, b"\x63\x63"),
    masked(BINARY, _NAME + b"\x00\x02\x05" + _TORN),
    masked(BINARY, _NAME + b"\x63"),
    masked(BINARY, b"\x00\x02" + b"\xff" * 9),
    masked(BINARY, b"\x01\x03\x01\x01", last=False) + masked(BINARY, b"\x00", first=False),
    masked(BINARY, b"\x00", first=False),
    masked(PING, b"are you there?"),
    b"\xf2\x80\x00\x00\x00\x00",
    b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
    b"\x82\x01x",
    b"\x88\x81\x00\x00\x00\x00x",
)


class Stranger:
    """One visit."""

    def __init__(self, network: Network, timers: Timers, token: str, rnd: Random) -> None:
        self._network = network
        self._timers = timers
        self._token = token if rnd.random() < 0.7 else token[:-3]
        self._rnd = rnd
        self._near: Near | None = None

    def come(self) -> None:
        """Connects, says some things, and stays, leaves or is sent away."""
        target = f"/ws/{_ROOM}?token={quote(self._token)}" if self._rnd.random() < 0.5 else "/hocuspocus"
        self._near = self._network.connect("10.0.9.9", self._rnd.choice((target, target, "/", "/ws/")), {}, self)
        self._timers.later(self._rnd.choice((1.0, 20.0)), self._near.abort)

    def opened(self) -> None:
        for n in range(self._rnd.randrange(1, 4)):
            self._timers.later(0.2 * n * self._rnd.random(), self._say(self._rnd.choice(_BAD)))

    def _say(self, data: bytes) -> Callable[[], None]:
        near = self._near
        assert near is not None
        return lambda: near.send_raw(data)

    def received(self, payload: bytes) -> None:
        """Does not listen."""

    def ended(self, code: int, reason: str) -> None:
        """Does not care."""
