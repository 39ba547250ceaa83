"""What administrators do to rooms and the people in them. A ruling acts on open sockets at once, then it is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from motet.access import KIND, Grant, Record
from motet.errors import Unavailable
from motet.ids import RoomName, UserId
from motet.observability import Ruled
from motet.rooms.hub import Hub
from motet.rooms.seat import Seat


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """A member, as administrators see it."""

    member: int
    user: UserId
    name: str
    role: str
    dialect: str
    address: str
    since: int
    """When it joined, in milliseconds since the epoch."""
    expires: float | None
    """When its grant ends, in seconds since the epoch; None: it does not."""
    behind: bool
    """It reads too slowly, and catches up."""
    buffered: int
    """Bytes that wait for its socket."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who acts, and from where."""

    grant: Grant
    address: str


class Administration:
    """Every method raises Unavailable when what was done could not be stored: it holds, but only until a restart."""

    def __init__(self, hub: Hub, forget: Callable[[UserId | None], None]) -> None:
        """`forget` has cached grants of a user, or of all, asked for anew."""
        self._hub = hub
        self._forget = forget

    def members(self, room: RoomName) -> list[MemberInfo]:
        """Who is in a room now."""
        served = self._hub.served.get(room)
        return [] if served is None else [_info(seat) for seat in served.seats.values()]

    async def revoke_user(self, user: UserId, by: Administrator) -> None:
        """All that the user was granted up to now is void, everywhere."""
        record = self._hub.access.rulings.revoke_user(user, self._hub.access.now())
        self._forget(user)
        self._hub.recheck()
        await self._ruled(record, by, "revoke_user", subject=user)

    async def revoke_token(self, token_id: str, by: Administrator) -> None:
        """The token of this id is void."""
        record = self._hub.access.rulings.revoke_token(token_id, self._hub.access.now())
        self._forget(None)
        self._hub.recheck()
        await self._ruled(record, by, "revoke_token", subject=token_id)

    async def revoke_room(self, room: RoomName, by: Administrator) -> None:
        """All that was granted up to now is void in this room."""
        record = self._hub.access.rulings.revoke_room(room, self._hub.access.now())
        self._forget(None)
        self._hub.recheck(room)
        await self._ruled(record, by, "revoke_room", room=room)

    async def set_role(self, room: RoomName, user: UserId, role: str | None, by: Administrator) -> None:
        """The user has this role in the room, whatever tokens say; None: what they say holds again."""
        record = self._hub.access.rulings.set_role(room, user, role)
        self._hub.recheck(room)
        await self._ruled(record, by, "set_role", subject=user, room=room, role=role or "")

    async def delete(self, room: RoomName, by: Administrator) -> bool:
        """Deletes a room for good. False if there is none. Raises TryLater while somebody else does."""
        deleted = await self._hub.delete(room)
        if deleted:
            self._tell(by, "delete_room", room=room)
        return deleted

    async def recreate(self, room: RoomName, by: Administrator) -> bool:
        """Lets the name of a deleted room be used again. False if it was not deleted."""
        recreated = await self._hub.store.recreate(room)
        if recreated:
            self._tell(by, "recreate_room", room=room)
        return recreated

    async def _ruled(
        self, record: Record, by: Administrator, act: str, *, subject: str = "", room: str = "", role: str = ""
    ) -> None:
        self._tell(by, act, subject=subject, room=room, role=role)
        try:
            await self._hub.store.put_record(KIND, record.key, record.value)
        except Unavailable as e:
            raise Unavailable(f"done, but it could not be stored and ends with the process: {e}") from e

    def _tell(self, by: Administrator, act: str, *, subject: str = "", room: str = "", role: str = "") -> None:
        self._hub.observe(Ruled(by.grant.user, act, subject, room, role, by.address))


def _info(seat: Seat) -> MemberInfo:
    member = seat.member
    grant = member.grant
    return MemberInfo(
        member=member.id,
        user=grant.user,
        name=grant.name,
        role=member.role.name,
        dialect=seat.group.dialect.name,
        address=seat.owner.address,
        since=seat.since,
        expires=None if grant.expires == inf else grant.expires,
        behind=member.is_behind(),
        buffered=seat.wire.buffered(),
    )
