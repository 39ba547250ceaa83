"""The decision: who may be in a room, as what; from a grant, the rulings over it, and the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from motet.access.grant import Authenticator, Credentials, Grant
from motet.access.roles import ADMINISTRATION, NOBODY, READ, Role, Roles
from motet.access.rulings import Rulings
from motet.errors import Forbidden, NotAuthenticated
from motet.ids import RoomName


class Admission(NamedTuple):
    """Who was let in, and as what."""

    grant: Grant
    role: Role


class Access:
    """Access control of one server. `now` gives seconds since the epoch."""

    def __init__(
        self, authenticator: Authenticator, roles: Roles, rulings: Rulings, now: Callable[[], float], is_open: bool
    ) -> None:
        self.roles = roles
        self.rulings = rulings
        self.now = now
        self.is_open = is_open
        """Everybody is an unknown editor: no identity is stamped, nobody administers."""
        self._authenticator = authenticator

    async def admit(self, credentials: Credentials, room: RoomName) -> Admission:
        """Lets somebody into a room. Raises NotAuthenticated, Forbidden, or Unavailable when it cannot be known now.

        A room that somebody may not read is refused in the same words whether it exists or not.
        """
        grant = await self._authenticator.grant(credentials, room)
        return Admission(grant, self.role(grant, room))

    async def admit_administrator(self, credentials: Credentials, room: RoomName | None) -> Grant:
        """Lets somebody administer a room, or (None) the whole server. Raises as `admit` does."""
        grant = await self._authenticator.grant(credentials, room or RoomName(""))
        role = self.role(grant, room) if room is not None else self._role_everywhere(grant)
        if ADMINISTRATION not in role.may:
            raise Forbidden("this takes an admin's grant" + ("" if room is not None else " for all rooms (**)"))
        return grant

    def role(self, grant: Grant, room: RoomName) -> Role:
        """What a grant is worth in a room at this moment. Raises NotAuthenticated, Forbidden."""
        self._check_expiry(grant)
        return self.standing(grant, room)

    def standing(self, grant: Grant, room: RoomName) -> Role:
        """The same of a grant whose end somebody else watches. Raises NotAuthenticated, Forbidden."""
        self._check_rulings(grant, room)
        name = self.rulings.role(room, grant.user) if grant.user else None
        role = self.roles[(grant.role_in(room) if name is None else name) or NOBODY]
        if READ not in role.may:
            raise Forbidden("this grant is not for that room")
        return role

    def _role_everywhere(self, grant: Grant) -> Role:
        self._check_expiry(grant)
        self._check_rulings(grant, None)
        everywhere = self.roles[grant.role_everywhere or NOBODY]
        # Else somebody would learn of rooms that are closed to them from what is told of all rooms.
        closed = any(ADMINISTRATION not in self.roles[name].may for name in grant.rooms.values())
        return self.roles[NOBODY] if closed else everywhere

    def _check_expiry(self, grant: Grant) -> None:
        if grant.expires <= self.now():
            raise NotAuthenticated("the grant has expired")

    def _check_rulings(self, grant: Grant, room: RoomName | None) -> None:
        if self.rulings.covers(grant, room):
            raise NotAuthenticated("the grant was revoked")
