"""Grants: who someone is, and what they may do where; and open mode, which lets everybody in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from types import MappingProxyType
from typing import Final, Protocol

from motet.access.patterns import closest, parsed
from motet.ids import RoomName, UserId

EVERYWHERE: Final = "**"
"""The pattern that every room fits."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection shows of itself. The token is "" when there is none; the address is the peer's IP or "unix";
    the headers are by lower-case name."""

    token: str
    address: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def __repr__(self) -> str:
        return f"Credentials(address={self.address!r})"  # a token must not get into a log by way of a traceback


@dataclass(frozen=True, slots=True)
class Grant:
    """Someone's right to be in rooms. Raises ValueError for a pattern or a time that is none."""

    user: UserId
    """"" for someone unknown, in open mode only."""
    name: str = ""
    """As the others see it."""
    role: str | None = None
    """In every room that no pattern of `rooms` fits; None: they may not even know whether there is such a room."""
    rooms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Pattern of rooms to role (see `patterns`)."""
    expires: float = inf
    """Seconds since the epoch."""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """`color` is shown beside the name; others are the application's own."""
    issued: float = inf
    """Seconds since the epoch by our clock, and the earliest that it can have been: revocations up to then do not
    cover it. -inf when it is not known."""
    token_id: str = ""

    def __post_init__(self) -> None:
        if isnan(self.expires) or isnan(self.issued):  # compared with any time, it would never end
            raise ValueError("a grant's times are numbers")
        for pattern in self.rooms:
            parsed(pattern)

    def role_in(self, room: str) -> str | None:
        """The name of the role that the grant gives in a room."""
        pattern = closest(self.rooms, room)
        return self.role if pattern is None else self.rooms[pattern]

    @property
    def role_everywhere(self) -> str | None:
        """The name of the role that the grant gives in all rooms, whatever their names."""
        return self.rooms.get(EVERYWHERE, self.role)


class Authenticator(Protocol):
    """Where grants come from."""

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """The grant of whoever shows these credentials, asked for on behalf of a room.

        Raises NotAuthenticated, Forbidden, or Unavailable when it cannot be known now.
        """
        ...


class OpenAccess:
    """Open mode: everybody is an unknown editor. It listens on loopback unless told otherwise in so many words."""

    EVERYBODY: Final = Grant(UserId(""), role="editor")

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        return self.EVERYBODY
