"""For a server of the tests, as its `auth_callable`: faults that nobody designed, and a document's text in each.

What the members write, or the name of the room, says where the fault is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from motet import Credentials, Grant
from motet.ids import RoomName, UserId
from motet.rooms import Hub, Inspection
from motet.rooms.keeper import Keeper
from motet.rooms.served import Served
from motet.rooms.taking import Taking

CONNECTION, TICK, LOOP, KEEPER = b"fault:connection", b"fault:tick", b"fault:loop", b"fault:keeper"
OPEN, HTTP = "fault/open", "fault/http"
"""Rooms that fail when they are opened, and when they are looked at over HTTP."""


def grant(credentials: Credentials, room: RoomName) -> Grant:
    """Everybody whose token ends in `-good` is let in; others find that the application fails."""
    if not credentials.token.endswith("-good"):
        raise LookupError(f"no such token: {credentials.token}")
    return Grant(UserId(credentials.token.partition("-")[0]), rooms={"**": "admin"})


def fail(data: object) -> None:
    """An exception whose message and local variables are what nobody may see."""
    local = data
    raise ValueError(f"cannot use {local!r}")


def plant() -> None:
    """Puts the faults in place."""
    due: dict[bytes, bytes] = {}
    took, ticked, looked, opened, listed = Taking.update, Served.tick, Keeper._look, Hub.open, Inspection.members

    def update(self: Taking, member: Any, data: bytes) -> Any:
        if CONNECTION in data:
            fail(data)
        if LOOP in data:
            asyncio.get_running_loop().call_soon(fail, data)
        due.update({where: data for where in (TICK, KEEPER) if where in data})
        return took(self, member, data)

    def tick(self: Served) -> None:
        if TICK in due:
            fail(due.pop(TICK))
        ticked(self)

    def look(self: Keeper) -> None:
        if KEEPER in due:
            fail(due.pop(KEEPER))
        looked(self)

    async def open_(self: Hub, name: RoomName) -> Served:
        if name == OPEN:
            fail(name)
        return await opened(self, name)

    def members(self: Inspection, room: RoomName) -> Any:
        if room == HTTP:
            fail(room)
        return listed(self, room)

    patches: list[tuple[type, str, object]] = [
        (Taking, "update", update),
        (Served, "tick", tick),
        (Keeper, "_look", look),
        (Hub, "open", open_),
        (Inspection, "members", members),
    ]
    for owner, name, with_fault in patches:
        setattr(owner, name, with_fault)


plant()
