"""What administrators do to rooms and the people in them. A ruling acts on open sockets at once, then it is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from motet.access import KIND, Grant, Record
from motet.errors import Kicked, Unavailable
from motet.ids import MemberId, RoomName, UserId
from motet.observability import LOGS, Ruled
from motet.rooms.hub import Hub
from motet.rooms.served import Served


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who acts, and from where."""

    grant: Grant
    address: str


class Administration:
    """Every method raises Unavailable when what was done could not be stored: it holds, but only until a restart."""

    def __init__(
        self,
        hub: Hub,
        forget: Callable[[UserId | None], None],
        compact: Callable[[Served], Awaitable[None]],
    ) -> None:
        """`forget` has cached grants of a user, or of all, asked for anew; `compact` is the keeper's."""
        self._hub = hub
        self._forget = forget
        self._compact = compact

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

    def kick(self, room: RoomName, member: MemberId, by: Administrator) -> bool:
        """Ends a member's connection, or its document alone where others share the socket; its user may come back.
        False if there is no such member."""
        served = self._hub.served.get(room)
        seat = None if served is None else served.seats.get(member)
        if served is None or seat is None:
            return False
        self._tell(by, "kick", subject=seat.member.grant.user, room=room)
        served.expel(seat, Kicked("an administrator ended this connection"))
        return True

    def resync(self, room: RoomName, by: Administrator) -> bool:
        """Every member is sent the whole document and asked for what we lack. False if the room is not loaded."""
        served = self._hub.served.get(room)
        if served is None:
            return False
        self._tell(by, "resync", room=room)
        served.perform(served.room.resync())
        return True

    async def compact(self, room: RoomName, by: Administrator) -> None:
        """Drops deleted content and writes a snapshot. Raises RoomDeleted, Unavailable, StoreCorrupt."""
        served = await self._hub.open(room)
        self._tell(by, "compact", room=room)
        await self._compact(served)

    def set_log_level(self, level: str, minutes: float, by: Administrator) -> None:
        """Logs from this level on, for so many minutes (0: until it is set again)."""
        LOGS.set_level(level, minutes)
        self._tell(by, "log_level", subject=level)

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
