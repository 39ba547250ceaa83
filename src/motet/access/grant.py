"""Grants, the roles in them, and open mode: the authenticator that lets everybody in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from motet.ids import RoomName, UserId


class Role(Enum):
    """What a member may do: a viewer reads and is present, an editor edits too."""

    VIEWER = "viewer"
    EDITOR = "editor"

    @property
    def may_edit(self) -> bool:
        return self is Role.EDITOR


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection shows of itself. The token is "" when there is none; the address is the peer's IP or "unix"."""

    token: str
    address: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Someone's right to be in a room. The user is "" for someone unknown (open mode)."""

    user: UserId
    role: Role


class Authenticator(Protocol):
    """Where grants come from."""

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """The grant for the room. Raises NotAuthenticated, Forbidden, or Unavailable when it cannot be known now."""
        ...


class OpenAccess:
    """Open mode: everybody is an unknown editor. It listens on loopback unless told otherwise in so many words."""

    _EVERYBODY = Grant(UserId(""), Role.EDITOR)

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        return self._EVERYBODY
