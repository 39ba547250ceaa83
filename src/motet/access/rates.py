"""Rates: token buckets by socket, user, address and room. Over one, a peer is slowed down and never loses anything.

A peer over its rate is not read from until its buckets are out of debt, and TCP holds it back (docs/adr/0005). So all
buckets are post-paid: what came is charged, into debt if need be, and the debt is the time for which nobody reads.

Between sockets that share a bucket the debt is a line: a socket draws again only when all that was drawn up to its own
last draw has been paid. So a bucket never owes more than one draw of each socket, and in a full line all get the same.

Pure: times are seconds of a monotonic clock, given by the caller. Measured (Python 3.11, x86-64): a message costs its
connection 0.06 µs (two subtractions, two comparisons), a `settle` with the default rates 1.7 µs, which is 0.03 µs for
each message of a full slice; a socket's meter holds 0.6 KiB, and an entry of `Buckets` 0.2 KiB and its name.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from math import inf
from typing import Final

from motet.access.buckets import Bucket, Buckets
from motet.config import Settings
from motet.errors import RateLimited
from motet.ids import RoomName, UserId

JOIN_SECONDS: Final = 5.0
"""For how long a join may wait in line; one that would have to wait longer is refused."""

SLICE_FRAMES: Final = 64
SLICE_BYTES: Final = 1 << 16
"""The most that a socket uses before it is charged for it."""
SLICE_SECONDS: Final = 1 / 16
"""No slice is more than so many seconds of any rate that it is charged to."""
UNLIMITED: Final = (1 << 30) - 1
"""A slice that is charged to nobody: the largest that CPython counts down in one digit."""

_UNIX: Final = "unix"
"""The address of all peers of a unix socket, and so of nobody in particular."""


class Rates:
    """All rates of a server, and the buckets that its sockets share. A rate of 0 is no limit."""

    def __init__(self, settings: Settings) -> None:
        seconds = settings.rate_seconds

        def shared(rate: float) -> Buckets:
            return Buckets(rate or inf, seconds)

        self._user_joins = shared(settings.user_joins_per_second)
        self._address_joins = shared(settings.address_joins_per_second)
        self._room_joins = shared(settings.room_joins_per_second)
        self._room_frames = shared(settings.room_frames_per_second)
        self._room_bytes = shared(settings.room_bytes_per_second)
        self.user_frames = shared(settings.user_frames_per_second)
        self.user_bytes = shared(settings.user_bytes_per_second)
        self.address_frames = shared(settings.address_frames_per_second)
        self.address_bytes = shared(settings.address_bytes_per_second)
        self.room_broadcasts = shared(settings.room_broadcasts_per_second)
        self.slice_frames = _slice(
            SLICE_FRAMES,
            seconds,
            settings.connection_frames_per_second,
            settings.user_frames_per_second,
            settings.address_frames_per_second,
        )
        self.slice_bytes = _slice(
            SLICE_BYTES,
            seconds,
            settings.connection_bytes_per_second,
            settings.user_bytes_per_second,
            settings.address_bytes_per_second,
        )
        self._settings = settings

    def meter(self, address: str) -> Meter:
        """For a new socket. The address is the peer's IP, or "unix", which is nobody's in particular."""
        return Meter(self, _owner(address), self._settings)

    def join(self, user: UserId, address: str, room: RoomName, now: float) -> float:
        """Takes a place in the line of joins. Seconds to wait before going on: 0.0 for nearly all.

        Raises RateLimited, which names the limit, for a wait of more than JOIN_SECONDS; no place is taken then, so
        that those who come again and again do not keep the line from moving.
        """
        owner = _owner(address)
        lines = (
            ("user_joins_per_second", self._user_joins, user),
            ("address_joins_per_second", self._address_joins, owner),
            ("room_joins_per_second", self._room_joins, room),
        )
        for limit, joins, name in lines:
            if joins.wait(name, 1, now) > JOIN_SECONDS:
                raise RateLimited(f"over {limit}: try again later")
        return max(joins.draw(name, 1, now) for _, joins, name in lines)

    def edited(self, room: RoomName, updates: int, size: int, now: float) -> float:
        """A room took updates of `size` bytes in all, in one tick. Seconds for which none of its members is read."""
        return max(self._room_frames.draw(room, updates, now), self._room_bytes.draw(room, size, now))


class Meter:
    """What one socket uses. For every message, and before it is handled, its connection does

        meter.frames_left -= 1
        meter.bytes_left -= len(payload)
        if meter.frames_left < 0 or meter.bytes_left < 0:
            seconds = meter.settle(now)

    and does not read for these seconds, 0.0 nearly always; of several answers the one that ends last counts. It settles
    once more when the socket ends, so that what is used in many short connections is charged as well.
    """

    __slots__ = (
        "_address",
        "_broadcasts",
        "_bytes",
        "_frames",
        "_presence",
        "_rates",
        "_user",
        "bytes_left",
        "frames_left",
    )

    def __init__(self, rates: Rates, owner: str, settings: Settings) -> None:
        seconds = settings.rate_seconds
        self._rates = rates
        self._address = owner
        self._user = ""
        self._frames = Bucket(settings.connection_frames_per_second or inf, seconds)
        self._bytes = Bucket(settings.connection_bytes_per_second or inf, seconds)
        self._presence = Bucket(settings.connection_presence_per_second or inf, seconds)
        self._broadcasts = Bucket(settings.connection_broadcasts_per_second or inf, seconds)
        self.frames_left = rates.slice_frames
        self.bytes_left = rates.slice_bytes

    def identify(self, user: UserId) -> None:
        """Whom the socket is charged to from now on, whatever the number of documents on it: the last that signed in.
        "" is nobody in particular, as everybody is in open mode."""
        self._user = user

    def settle(self, now: float) -> float:
        """Charges what was used since the last time. Seconds for which the socket must not be read."""
        rates = self._rates
        frames = rates.slice_frames - self.frames_left
        size = rates.slice_bytes - self.bytes_left
        self.frames_left = rates.slice_frames
        self.bytes_left = rates.slice_bytes
        return max(
            self._frames.draw(frames, now),
            self._bytes.draw(size, now),
            rates.user_frames.draw(self._user, frames, now),
            rates.user_bytes.draw(self._user, size, now),
            rates.address_frames.draw(self._address, frames, now),
            rates.address_bytes.draw(self._address, size, now),
        )

    def presence(self, now: float) -> float:
        """One presence message came. Seconds for which the socket must not be read."""
        return self._presence.draw(1, now)

    def broadcast(self, room: RoomName, now: float) -> float:
        """One broadcast came for a room. Seconds for which the socket must not be read."""
        return max(self._broadcasts.draw(1, now), self._rates.room_broadcasts.draw(room, 1, now))


def _slice(most: int, burst_seconds: float, *rates: float) -> int:
    """The frames or bytes that a socket uses before it settles with the next, given all rates they are charged to.

    What it is charged for then is within every burst, so nobody below a rate waits for having been charged late.
    """
    limits = [rate for rate in rates if rate]
    return max(0, min(most, int(min(limits) * min(SLICE_SECONDS, burst_seconds))) - 1) if limits else UNLIMITED


def _owner(address: str) -> str:
    """Who has an address. In IPv6 that is who has its first 64 bits: the other 64 are theirs to choose."""
    if address == _UNIX:
        return ""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or parsed.packed[:8].hex())
