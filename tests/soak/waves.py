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
WAVES = 6


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
        """Of a member that has left, from the second wave on: the first finds everything new."""
        return (self.after[-1] - self.after[0]) / (WAVE * (WAVES - 1))


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
        await empty(server)
        ebb.after.append(memory(server.process.pid)[2])
    return ebb


async def empty(server: MotetServer) -> None:
    """Nobody is there, nor a socket whose peer has vanished: the server finds those."""
    await eventually(lambda: server.metric("motet_open_connections") == 0, "all have left", deadline=90)
