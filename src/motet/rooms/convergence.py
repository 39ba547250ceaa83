"""Proof of convergence: whether all who should hold the same do. The rules in brackets are those of docs/PROTOCOL.md.

At quiet moments one room at a time is looked at: its memory is compared with a replay of its log (`replaying`), and a
few of its members are asked what they hold (`probing`). What differs is looked at twice before it is called a
divergence; then it is told, healed, and looked at again. What takes long goes in steps, in the store's thread, or to
the document worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import inf

import structlog

from motet.crdt import Documents
from motet.crdt.replica import Lack, as_text, state_vector
from motet.errors import MotetError, StoreCorrupt
from motet.observability import DivergenceFound, DivergenceHealed, StoreFailed
from motet.rooms import probing
from motet.rooms.hub import Hub
from motet.rooms.replaying import LOG_BYTES, Replaying
from motet.rooms.seat import Seat
from motet.rooms.served import Served

log = structlog.get_logger("motet.rooms")

PACE = 10.0
"""Seconds between two rooms that are looked at, at least."""

QUIET = 3.0
"""Seconds without news after which a room is quiet."""

PATIENCE = 10.0
"""Seconds for a room to be quiet again after it was healed."""


class Convergence:
    """One per hub. `start` it and `stop` it."""

    def __init__(self, hub: Hub, documents: Documents) -> None:
        self._hub = hub
        self._replaying = Replaying(hub, documents)
        self._seconds = hub.settings.convergence_seconds
        self._running: asyncio.Task[None] | None = None
        self._looked: dict[Served, float] = {}
        self._asked: dict[Served, int] = {}
        """The member that was asked last."""
        self._ill: set[Served | Seat] = set()
        """What was found to diverge, treated, and not seen to be well. It is not treated again."""
        self.looks = 0
        """Comparisons so far that could tell something."""

    def start(self) -> None:
        """Begins to look, unless `convergence_seconds` is 0. Needs a running loop."""
        if self._seconds:
            self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Looks no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(PACE, self._seconds))
            served = self._next()
            if served is None:
                continue
            try:
                await self.check(served)
            except StoreCorrupt as e:
                self._hub.observe(StoreFailed(f"the log of {served.name!r}: {e}"))
            except MotetError as e:
                log.warning("convergence_unknown", room=served.name, reason=str(e))
            except Exception as e:  # noqa: BLE001 - one room that cannot be checked is no reason to check none
                self._hub.errors.report(e, "convergence", room=served.name)

    def _next(self) -> Served | None:
        """The quiet room at which nobody has looked for longest, if that is long enough."""
        hub, now = self._hub, self._hub.now()
        rooms = dict.fromkeys(hub.served.values())  # a set whose order is the same in each run
        self._looked = {served: at for served, at in self._looked.items() if served in rooms}
        self._asked = {served: member for served, member in self._asked.items() if served in rooms}
        self._ill = {one for one in self._ill if (one if isinstance(one, Served) else one.served) in rooms}
        if hub.read_only or hub.draining:
            return None
        since = {served: self._looked.get(served, -inf) for served in rooms if self._is_quiet(served)}
        oldest = min(since, key=lambda served: since[served], default=None)
        return oldest if oldest is not None and now - since[oldest] >= self._seconds else None

    def _is_quiet(self, served: Served) -> bool:
        quiet = served.room.is_quiet(self._hub.now(), min(QUIET, self._seconds))
        return quiet and not self._hub.is_ending(served)

    async def check(self, served: Served) -> None:
        """[V1] One room: its log, and then some of its members. Raises MotetError where that cannot be known."""
        self._looked[served] = self._hub.now()
        if not self._is_quiet(served) or not await self._check_log(served):
            return
        seats = probing.sample(served, self._asked.get(served, 0))
        if seats:
            self._asked[served] = seats[-1].member.id
            await asyncio.gather(*[self._check_member(seat) for seat in seats])

    # ---- a room's memory and its log

    async def _check_log(self, served: Served) -> bool:
        """Whether memory and log are one, as far as they can be compared, and the room stayed quiet."""
        room = served.room
        if room.replica.size > LOG_BYTES:
            return True
        before = (room.replica, room.changed)

        def is_untouched() -> bool:
            return self._is_quiet(served) and (room.replica, room.changed) == before

        found = await self._replaying.look(served)
        if found is not None and is_untouched():
            found = await self._replaying.look(served)
        if found is not None and is_untouched() and not await self._replaying.is_real(found, room.replica):
            found = None
        if not is_untouched():
            return False
        self.looks += 1
        if found is None:
            self._is_well(served, served.name, "", "reload")
            return True
        if served in self._ill:
            return False
        self._tell(served, "", "log", found.what.where, found.replayed.ends())
        await self._reload(served)
        return False

    async def _reload(self, served: Served) -> None:
        """[V7] The room goes on as its log and its memory have it together; members are asked for the rest."""
        self._ill.add(served)
        memory = served.room.replica
        served.suspend()
        await self._hub.journal.flush()
        await self._hub.reload(served, memory)
        if await self._until(lambda: self._is_quiet(served)) and await self._replaying.look(served) is None:
            self._is_well(served, served.name, "", "reload")

    # ---- members

    async def _check_member(self, seat: Seat) -> None:
        """[V5] A member that lacks something is asked again before it is called divergent."""
        served, user = seat.served, seat.member.grant.user
        found = await self._ask(seat, None)
        if not isinstance(found, bool):
            found = await self._ask(seat, found)
        if found is True:
            self._is_well(seat, served.name, user, "resync")
        if isinstance(found, bool) or seat in self._ill:
            return
        # Who says that it holds nothing at all has lost everything, or is no Yjs client and answers nothing else (a
        # load generator): which, is seen when it has been sent everything.
        holds_something = bool(found.theirs.ends)
        if holds_something:
            self._tell(served, user, "member", found.where, found.theirs.ends)
        self._ill.add(seat)
        served.perform(served.room.heal(seat.member, state_vector(found.theirs.ends), self._hub.now()))
        if await self._until(lambda: seat.member.is_sound() and self._is_quiet(served)):
            if await self._ask(seat, None) is True:
                if not holds_something:
                    self._tell(served, user, "member", found.where, found.theirs.ends)
                self._is_well(seat, served.name, user, "resync")

    async def _ask(self, seat: Seat, doubted: probing.MemberLacks | None) -> probing.MemberLacks | bool:
        if not await self._until(lambda: self._is_quiet(seat.served)):
            return False
        found = await probing.ask(seat, doubted)
        self.looks += found is not False
        return found

    # ---- both

    def _tell(self, served: Served, user: str, kind: str, where: Lack, theirs: Mapping[int, int]) -> None:
        ours = as_text(served.room.replica.ends(), where.client)
        shown = as_text(theirs, where.client)
        self._hub.observe(DivergenceFound(served.name, user, kind, ours, shown, where.client, where.start, where.end))

    def _is_well(self, one: Served | Seat, room: str, user: str, how: str) -> None:
        if one in self._ill:
            self._ill.remove(one)
            self._hub.observe(DivergenceHealed(room, user, how))

    async def _until(self, condition: Callable[[], bool]) -> bool:
        """Whether it became true in time."""
        for _ in range(50):
            if condition():
                return True
            await asyncio.sleep(PATIENCE / 50)
        return condition()
