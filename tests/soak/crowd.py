"""Everybody: who edits, points, leaves, stalls and comes back, and when."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field

from soak.device import RENEWAL, SILENCE, Device, Ending, Habit, Room
from soak.document import LARGE_VALUE, SharedDocument
from soak.shape import Shape
from soak.tally import Tally

TICK = 0.02
"""Seconds between two looks at what is due."""
SWEEP = 0.25
"""Seconds between two looks at who is missing."""
JOINING = 24
"""Sockets that are being opened at one time."""
SMALL = 8
"""People in the largest room that goes cold."""
STALLING = (3, 4)
"""People in rooms where somebody stalls: what passes there is sent to each of them."""
FLOOD = (6 << 20) // LARGE_VALUE
"""Large values that pass a member that has stalled: more than the kernel takes for a socket (4 MiB)."""
ENDINGS = {Ending.CLOSES: 7, Ending.BREAKS: 2, Ending.VANISHES: 1}
HABITS = {Habit.TYPES: 12, Habit.MOVES: 7, Habit.VOTES: 1}


@dataclass(slots=True, eq=False)
class Place:
    """A room and who may be in it."""

    room: Room
    size: int
    pool: list[Device] = field(default_factory=list)
    joining: set[Device] = field(default_factory=set)
    cold_until: float = 0.0


class Crowd:
    """All people of a soak. `run` it; it ends with everybody still there."""

    def __init__(self, shape: Shape, ws_url: str, seed: int) -> None:
        self.tally = Tally()
        self._shape = shape
        self._ws_url = ws_url
        self._rng = random.Random(seed)
        self._numbers = 0
        sizes = [size for size, count in shape.rooms.items() for _ in range(count)]
        self.places = [Place(self._room(f"soak/{number}"), size) for number, size in enumerate(sizes)]
        for place in self.places:
            if shape.keeps_ids:  # half of them are away at any time, and come back as who they were
                place.pool = [self._device(place.room) for _ in range(2 * place.size)]
        self._due: defaultdict[str, float] = defaultdict(float)
        self._present: list[Device] = []
        self._joins: set[asyncio.Task[None]] = set()

    def _room(self, name: str) -> Room:
        return Room(name, SharedDocument(self._rng), set())

    def _device(self, room: Room) -> Device:
        self._numbers += 1
        habit = self._rng.choices(list(HABITS), list(HABITS.values()))[0]
        user = self._numbers % (2 * self._shape.people)  # who loads a page anew is the same person
        return Device(room, user, habit, self._numbers % 2 == 0, self.tally, self._rng)

    @property
    def present(self) -> int:
        """How many are in a room."""
        return sum(len(place.room.present) for place in self.places)

    @property
    def unsaved(self) -> int:
        """Edits of those who are there that have no status yet."""
        return sum(device.unsaved for place in self.places for device in place.room.present)

    def writers(self) -> int:
        """Yjs clients that ever wrote in the rooms in which somebody is."""
        return sum(len(place.room.document.writers) for place in self.places if place.room.present)

    # ---- the hour

    async def run(self, seconds: float) -> None:
        """Everything that they do in this time."""
        now = time.monotonic()
        end, swept, renewed = now + seconds, 0.0, 0.0
        while now < end:
            before = now
            await asyncio.sleep(TICK)
            now = time.monotonic()
            if now - swept >= SWEEP:
                swept = now
                self._fill(now)
            if now - renewed >= 1.0:
                renewed = now
                self._renew(now)
            self._act(now - before)

    def _act(self, seconds: float) -> None:
        shape = self._shape
        if not self._present:
            return
        for _ in range(self._often("edits", shape.edits * seconds)):
            self._anybody().edit()
        for _ in range(self._often("cursors", shape.cursors * seconds)):
            self._anybody().point()
        for _ in range(self._often("leaves", shape.leaves * seconds)):
            self._anybody().leave(self._rng.choices(list(ENDINGS), list(ENDINGS.values()))[0])
        for _ in range(self._often("stalls", shape.stalls * seconds)):
            self._stall()
        for _ in range(self._often("chills", shape.chills * seconds)):
            self._chill()

    def _often(self, what: str, due: float) -> int:
        self._due[what] += due
        times = int(self._due[what])
        self._due[what] -= times
        return times

    def _anybody(self) -> Device:
        return self._rng.choice(self._present)

    # ---- who is there

    def _fill(self, now: float) -> None:
        """Seats that are free are taken; rooms that were cold are opened again."""
        for place in self.places:
            while place.cold_until <= now and len(place.room.present) + len(place.joining) < place.size:
                if len(self._joins) >= JOINING:
                    return
                self._come(place)

    def _come(self, place: Place) -> None:
        away = [device for device in place.pool if device not in place.room.present and device not in place.joining]
        device = self._rng.choice(away) if away else self._device(place.room)
        place.joining.add(device)
        task = asyncio.create_task(self._join(place, device))
        self._joins.add(task)
        task.add_done_callback(self._joins.discard)

    async def _join(self, place: Place, device: Device) -> None:
        try:
            if not await device.join(self._ws_url, self._rng.uniform(*self._shape.token_seconds)):
                await asyncio.sleep(1.0)
        finally:
            place.joining.discard(device)

    def _renew(self, now: float) -> None:
        self.tally.land(now)
        self._present = []
        for place in self.places:
            here = place.room.present
            self._present.extend(here)
            for device in here:
                if now - device.pointed_at > RENEWAL:
                    device.point()
                if now - device.heard_at > SILENCE and not device.stalled:
                    self.tally.silences += 1
                    device.heard_at = now

    def _chill(self) -> None:
        """Everybody leaves a small room, some without a word."""
        warm = [place for place in self.places if place.size <= SMALL and len(place.room.present) == place.size]
        if warm:
            place = self._rng.choice(warm)
            place.cold_until = time.monotonic() + self._rng.uniform(*self._shape.chill_seconds)
            for device in list(place.room.present):
                device.leave(self._rng.choice((Ending.CLOSES, Ending.BREAKS)))

    def _stall(self) -> None:
        """Somebody reads no more, and a colleague writes past."""
        lively = [place for place in self.places if len(place.room.present) in STALLING]
        if lively:
            slow, writer, *_ = self._rng.sample(list(self._rng.choice(lively).room.present), 3)
            if slow.synced and writer.synced and not slow.stalled and not writer.stalled:
                slow.stall(self._shape.stall_seconds)
                writer.flood(FLOOD)

    # ---- the end

    async def settle(self) -> None:
        """Waits until every edit of those who are there has its status, or for a minute."""
        end = time.monotonic() + 60.0
        while self.unsaved and time.monotonic() < end:
            await asyncio.sleep(TICK)

    async def all_leave(self) -> None:
        """Everybody closes, and nobody comes back."""
        if self._joins:
            await asyncio.wait(self._joins)
        for place in self.places:
            for device in list(place.room.present):
                device.leave(Ending.CLOSES)
