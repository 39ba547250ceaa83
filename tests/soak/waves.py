"""Many who come to one room at once and leave, again and again: what they cost is given back, or used by the next."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from soak.crowd import JOINING
from soak.device import Device, Ending, Habit, Room
from soak.document import SharedDocument
from soak.samples import memory
from soak.tally import Tally
from support.server import MotetServer
from support.waiting import eventually

WAVE = 200
WAVES = 12
"""In three thirds, in each of which the server's cyclic collector runs: a connection that has ended waits for it, with
at most about a thousand others."""


@dataclass(slots=True)
class Ebb:
    """Anonymous bytes of the server."""

    before: int
    first_peak: int = 0
    """While the first wave was there."""
    after: list[int] = field(default_factory=list)
    """Each."""

    @property
    def cost(self) -> float:
        """Of a member that is there."""
        return (self.first_peak - self.before) / WAVE

    @property
    def kept(self) -> float:
        """Of a member that has left: of each third of the waves the highest counts, and the first third fills holes."""
        third = WAVES // 3
        return (max(self.after[2 * third :]) - max(self.after[third : 2 * third])) / (third * WAVE)


async def waves(server: MotetServer) -> Ebb:
    """Of members of both dialects, in an empty room."""
    rng = random.Random(0)
    ebb = Ebb(memory(server.process.pid)[2])
    for _ in range(WAVES):
        room = Room("soak/waves", SharedDocument(rng), set())
        members = [Device(room, number, Habit.TYPES, number % 2 == 0, Tally(), rng) for number in range(WAVE)]
        for first in range(0, WAVE, JOINING):
            await asyncio.gather(*(member.join(server.ws_url, 600.0) for member in members[first : first + JOINING]))
        await eventually(lambda: all(member.synced for member in members), "all are in")  # noqa: B023 - awaited here
        ebb.first_peak = ebb.first_peak or memory(server.process.pid)[2]
        for member in members:
            member.leave(Ending.CLOSES)
        await eventually(lambda: server.metric("motet_open_connections") == 0, "all have left")
        ebb.after.append(memory(server.process.pid)[2])
    return ebb
