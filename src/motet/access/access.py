"""The decision: who may be in a room, as what; from a grant, the rulings over it, and the time."""

from __future__ import annotations

from collections.abc import Callable

from motet.access.grant import Authenticator, Credentials, Grant
from motet.access.roles import ADMINISTRATION, NOBODY, READ, Role, Roles
from motet.access.rulings import Rulings
from motet.errors import Forbidden, NotAuthenticated
from motet.ids import RoomName


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

    async def identify(self, credentials: Credentials, room: RoomName | None) -> Grant:
        """Who shows these credentials, asked for on behalf of a room, or (None) of the whole server.

        Raises NotAuthenticated, Forbidden, or Unavailable when it cannot be known now.
        """
        return await self._authenticator.grant(credentials, room or RoomName(""))

    def check_administrator(self, grant: Grant, room: RoomName | None) -> None:
        """Raises NotAuthenticated, Forbidden unless the grant's owner administers the room, or (None) the server."""
        role = self.role(grant, room) if room is not None else self._role_everywhere(grant)
        if ADMINISTRATION not in role.may:
            raise Forbidden("this takes an admin's grant" + ("" if room is not None else " for all rooms (**)"))

    def role(self, grant: Grant, room: RoomName) -> Role:
        """What a grant is worth in a room at this moment. Raises NotAuthenticated, Forbidden: in the same words whether
        there is such a room or not."""
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
