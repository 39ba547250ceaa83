"""Planted bugs of access: who may read and write, and what becomes of it."""

from __future__ import annotations

import pytest
from planted import Plant

from motet.access import Access, Grant, Role
from motet.errors import Forbidden
from motet.ids import RoomName
from motet.persistence.sqlite_write import WriteSession
from motet.rooms import Hub, Served
from motet.rooms.connection import Connection
from motet.rooms.connection_hocuspocus import HocuspocusConnection
from motet.rooms.effects import Broadcast, Effects, Out, Refused, Send
from motet.rooms.member import Member
from motet.rooms.permit import Permit, Verdict
from motet.rooms.room import Room
from motet.rooms.seat import Seat
from motet.rooms.taking import Taking


def nothing(*_: object, **__: object) -> None:
    """Instead of what should be done."""


def broadcasts_what_it_refuses(patch: pytest.MonkeyPatch) -> None:
    """An edit by somebody who may not edit is refused, and goes to the others all the same."""
    take = Taking._take

    def shown(self: Taking, member: Member, data: bytes, statuses: int, answer: bool) -> Effects:
        effects = take(self, member, data, statuses, answer)
        if any(isinstance(e, Refused) and isinstance(e.error, Forbidden) for e in effects):
            return [*effects, Broadcast(Out.UPDATE, data, member)]
        return effects

    patch.setattr(Taking, "_take", shown)


def takes_every_edit(patch: pytest.MonkeyPatch) -> None:
    """What somebody may write is not looked at."""
    patch.setattr(Permit, "judge", lambda self, touched, member, answer: Verdict.TAKE)


def believes_answers(patch: pytest.MonkeyPatch) -> None:
    """What somebody answers to sync step 1 is taken, whatever they may write."""
    step2 = Taking.step2

    def believed(self: Taking, member: Member, data: bytes) -> Effects:
        restricted, member.writes_all = member.writes_all, True
        try:
            return step2(self, member, data)
        finally:
            member.writes_all = restricted

    patch.setattr(Taking, "step2", believed)


def refuses_edits_silently(patch: pytest.MonkeyPatch) -> None:
    """Whose edit is refused is not told so."""
    refuse = Taking._refuse

    def silent(self: Taking, member: Member, error: Exception, statuses: int) -> Effects:
        effects = refuse(self, member, error, statuses)  # type: ignore[arg-type]
        return [e for e in effects if not (isinstance(e, Send) and e.out is Out.DENIED)]

    patch.setattr(Taking, "_refuse", silent)


def revokes_at_the_door_only(patch: pytest.MonkeyPatch) -> None:
    """A revocation does not touch open sockets."""
    recheck = Hub.recheck

    def roles_only(self: Hub, room: RoomName | None = None) -> None:
        if room is not None:
            recheck(self, room)

    patch.setattr(Hub, "recheck", roles_only)


def changes_roles_at_the_door_only(patch: pytest.MonkeyPatch) -> None:
    """Another role does not act on open sockets."""
    patch.setattr(Served, "_set_role", nothing)


def lets_expired_grants_stay(patch: pytest.MonkeyPatch) -> None:
    """Who is in a room stays there when its grant has ended."""
    patch.setattr(Connection, "expired", nothing)
    patch.setattr(HocuspocusConnection, "expired", nothing)


def ignores_roles_at_the_door(patch: pytest.MonkeyPatch) -> None:
    """Who is let in is let in as their token says, whatever role an administrator has set."""

    def token_only(self: Access, grant: Grant, room: RoomName) -> Role:
        self._check_expiry(grant)
        self._check_rulings(grant, room)
        role = self.roles[grant.role_in(room) or "none"]
        if "read" not in role.may:
            raise Forbidden("this grant is not for that room")
        return role

    patch.setattr(Access, "role", token_only)


def takes_a_grant_for_all_rooms(patch: pytest.MonkeyPatch) -> None:
    """A grant for one room is good for all others."""
    patch.setattr(Grant, "role_in", lambda self, room: next((r for r in self.rooms.values() if r != "none"), None))


def forgets_rulings_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    """Rulings are not stored."""
    patch.setattr(WriteSession, "put_record", nothing)


def forgets_who_left(patch: pytest.MonkeyPatch) -> None:
    """What somebody wrote just before they left is logged in nobody's name."""
    leave = Room.leave

    def nameless(self: Room, member: Member, now: float, clean: bool) -> None:
        leave(self, member, now, clean)
        self._users.pop(member.id, None)

    patch.setattr(Room, "leave", nameless)


def asks_nobody_who_may_more(patch: pytest.MonkeyPatch) -> None:
    """Who may write more than before is not asked for what was refused."""
    change_role = Taking.change_role

    def unasked(self: Taking, member: Member, role: Role) -> Effects:
        return [e for e in change_role(self, member, role) if not isinstance(e, Send)]

    patch.setattr(Taking, "change_role", unasked)


def expels_nobody(patch: pytest.MonkeyPatch) -> None:
    """Who loses the right to be in a room is told so, and stays."""

    def told(self: Served, seat: Seat, error: Exception) -> None:
        self.perform([Send(seat.member, Out.DENIED, str(error).encode())])

    patch.setattr(Served, "expel", told)


def serves_deleted_rooms(patch: pytest.MonkeyPatch) -> None:
    """The members of a deleted room stay in it."""
    patch.setattr(Hub, "_end", nothing)


def ignores_tombstones(patch: pytest.MonkeyPatch) -> None:
    """The name of a deleted room can be used at once."""
    patch.setattr("motet.persistence.sqlite_read.refuse_deleted", nothing)
    patch.setattr("motet.persistence.sqlite_write.refuse_deleted", nothing)


PLANTS: tuple[Plant, ...] = (
    broadcasts_what_it_refuses,
    takes_every_edit,
    believes_answers,
    refuses_edits_silently,
    revokes_at_the_door_only,
    changes_roles_at_the_door_only,
    lets_expired_grants_stay,
    ignores_roles_at_the_door,
    takes_a_grant_for_all_rooms,
    forgets_rulings_at_a_restart,
    forgets_who_left,
    asks_nobody_who_may_more,
    expels_nobody,
    serves_deleted_rooms,
    ignores_tombstones,
)
