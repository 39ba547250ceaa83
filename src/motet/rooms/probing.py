"""What members hold: a question to one of them, and what its answer lacks (`crdt/replica/probe`)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from motet.crdt.replica import Holding, Lack, holding, lack
from motet.errors import MalformedUpdate
from motet.rooms.seat import Seat
from motet.rooms.served import Served
from motet.rooms.steps import run

ANSWER = 10.0
"""Seconds for a member to answer."""

MEMBERS = 4
"""Members of a room that are asked each time, in turn."""

PROBE_BYTES = 64 << 10
"""Answers over it are not asked for: they would be felt by whoever is on a phone."""

WHOLE_BYTES = 1 << 20
"""Up to it a document's clients are asked for whole where a member lacks something, which tells from where on."""


class MemberLacks(NamedTuple):
    """The first that a member lacks, and what it has."""

    where: Lack
    theirs: Holding


def sample(served: Served, last: int) -> list[Seat]:
    """[V4] Some sound members, beginning with those after the member `last`; nobody in a room where the answers would
    be large, or not be taken."""
    room = served.room
    if room.over_quota or room.replica.probe_size > PROBE_BYTES:
        return []
    seats = [seat for seat in served.seats.values() if seat.member.is_sound()]
    seats.sort(key=lambda seat: (seat.member.id <= last, seat.member.id))
    return seats[:MEMBERS]


async def ask(seat: Seat, doubted: MemberLacks | None = None) -> MemberLacks | bool:
    """[V3] What the member lacks; True: it holds all that the room does. False: that cannot be told, since it may not
    be asked now, did not answer, or [V5] the room had news before it did.

    The room must be quiet: all that it holds is on its way to the member before the question. Of clients of which
    it was `doubted` to hold the last ids it is asked for everything."""
    served, member = seat.served, seat.member
    room, replica, changed = served.room, served.room.replica, served.room.changed
    if not member.is_sound() or served.seats.get(member.id) is not seat:
        return False
    deletes, ends = replica.diff(replica.state_vector()), replica.ends()
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def answered(data: bytes) -> None:
        if not answer.done():
            answer.set_result(data)

    whole: Collection[int] = ()
    if doubted is not None and replica.size <= WHOLE_BYTES:
        whole = [client for client, end in ends.items() if doubted.theirs.ends.get(client, 0) < end]
    served.perform(room.probe(member, answered, whole))
    try:
        async with asyncio.timeout(ANSWER):
            data = await answer
        await asyncio.sleep(0)  # for the tick, with which news come
        if room.replica is not replica or room.changed != changed:
            return False
        theirs = await run(holding(data))
    except TimeoutError:
        member.probe = None
        return False
    except MalformedUpdate:
        return False  # the room has dealt with it
    where = await run(lack(Holding(ends, (await run(holding(deletes))).dead), theirs))
    return where is None or MemberLacks(where, theirs)
