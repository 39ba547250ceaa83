"""Kills and failures at every step that a store takes on the disk: every write, sync, truncate, rename, deletion, open.

A scenario is some calls. Beside them runs a model, which knows what the store must hold after each. A point is one of
the steps, and what happens there: the process dies, or the step fails.
"""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from crash_model import Contents, Model, observed

from motet.errors import MotetError, StoreCorrupt, Unavailable
from motet.ids import RoomName
from motet.persistence import SqliteReader, SqliteStore
from motet.persistence.contract_model import row
from motet.simulation.disk import Disk
from motet.simulation.platter import Survival

Call = Callable[[SqliteStore | Model, Path], Awaitable[object]]
"""What is done to a store, and to the model, in whose place there is no directory."""

AFTER = RoomName("after")
"""A room that a store which goes on is able to make."""


class End(Enum):
    """How a process ends."""

    STOP = "stop"
    KILL = "kill"
    POWER_CUT = "power cut"
    POWER_CUT_NONE = "power cut, nothing survives that was not synced"
    POWER_CUT_ALL = "power cut, all survives"
    POWER_CUT_PREFIX = "power cut, what was written first survives"
    POWER_CUT_RANDOM = "power cut, anything may survive"


_SURVIVAL = {
    End.POWER_CUT: None,
    End.POWER_CUT_NONE: Survival.NONE,
    End.POWER_CUT_ALL: Survival.ALL,
    End.POWER_CUT_PREFIX: Survival.PREFIX,
    End.POWER_CUT_RANDOM: Survival.RANDOM,
}


class Way(Enum):
    """What happens at a step."""

    KILLED = "the process dies there"
    FAILED = "it fails, once, and the process goes on"
    OUTAGE = "it fails, and all else does until the disk is back, and the process goes on"
    FAILED_LAST = "it fails, and nothing is tried any more"


class Point(NamedTuple):
    """Where and how a scenario is disturbed."""

    way: Way
    step: int
    """From 1."""
    end: End
    seed: int
    """For what is done of the step, and what survives."""


async def nothing(directory: Path, contents: Contents, done: int) -> None:
    """No more is to be looked at."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Calls whose every step is tried."""

    name: str
    before: Sequence[Call]
    """What made the store. Its write-ahead log is not folded into the database."""
    calls: Sequence[Call]
    rooms: Sequence[RoomName]
    """All that there may be."""
    opening: bool = False
    """Opening the store is a part of it."""
    stopping: bool = False
    """So is closing it."""
    keeps_nothing: bool = False
    """A call that fails has changed nothing, where others may have done what they were to do."""
    also: Callable[[Path, Contents, int], Awaitable[None]] = nothing
    """What else must be true of the data directory when nobody has it open any more; and how many calls succeeded."""
    make: Callable[[Path], Awaitable[None]] | None = None
    """Makes the data directory in another way than by calls; `before` is for the model alone then."""


class Trial:
    """A scenario, and the data directory that each of its runs begins with."""

    def __init__(self, scenario: Scenario, template: Path) -> None:
        self._scenario = scenario
        self._template = template
        self._models: list[Model] = []
        """What the store must hold before the calls, after the first, and so on."""
        self._steps = 0

    async def prepare(self) -> None:
        """Makes the directory and the models, and counts the steps."""
        scenario = self._scenario
        self._template.mkdir()
        if scenario.make is not None:
            await scenario.make(self._template)
        else:
            await self._make()
        model = Model()
        for call in scenario.before:
            await call(model, Path())
        self._models = [copy.deepcopy(model)]
        for call in scenario.calls:
            await call(model, Path())
            self._models.append(copy.deepcopy(model))
        with closing(self._disk(1)) as disk:
            begun: list[int] = []
            store, done = await self._run(disk, lambda: begun.append(disk.steps))
            self._steps = disk.steps - begun[0]
            store = store or SqliteStore(disk.directory)
            assert done == len(scenario.calls)
            assert await observed(store, scenario.rooms) == model.contents()
            await store.close()

    def points(self) -> Iterator[Point]:
        """All of them, with one seed for each."""
        ways = [(way, end) for way in Way for end in End if way is not Way.KILLED or end is not End.STOP]
        for step in range(1, self._steps + 1):
            for i, (way, end) in enumerate(ways):
                yield Point(way, step, end, step * len(ways) + i)

    async def check(self, point: Point) -> None:
        """Raises AssertionError, with the point as a note."""
        disturbed = {
            Way.KILLED: self._killed,
            Way.FAILED: self._failed,
            Way.OUTAGE: self._failed,
            Way.FAILED_LAST: self._failed_last,
        }[point.way]
        try:
            with closing(self._disk(point.seed)) as disk:
                await disturbed(disk, point)
        except (AssertionError, MotetError) as error:
            error.add_note(f"at {point} of {self._steps} steps")
            raise

    async def _killed(self, disk: Disk, point: Point) -> None:
        """The next process finds everything as it was before the call, or as after it, and can go on."""
        store, done = await self._run(disk, lambda: disk.crash_at(point.step))
        await self._end(disk, store, point.end)
        if point.seed % 3 == 0:
            await self._die_again(disk, point)
        await self._find(disk, done, point.seed)

    async def _failed(self, disk: Disk, point: Point) -> None:
        """The call did all or nothing, the next one works, and what was found then stays."""
        full = point.seed % 2 == 0
        outage = point.way is Way.OUTAGE
        fail = disk.fail_from if outage else disk.fail_at
        store, done = await self._run(disk, lambda: fail(point.step, full))
        if outage and store is not None:
            for call in (store.probe, partial(store.load, self._scenario.rooms[0])):
                with suppress(Unavailable):  # a load may find all that it needs in memory
                    await call()
        disk.calm()
        store = store or SqliteStore(disk.directory)
        found = await observed(store, self._scenario.rooms)
        model = self._model_of(found, done)
        if self._scenario.keeps_nothing:
            assert found == self._models[done].contents()
        await self._go_on(store, model)
        await self._end(disk, store, point.end)
        store = SqliteStore(disk.directory)
        assert await observed(store, [*self._scenario.rooms, AFTER]) == model.contents()
        await store.close()
        await self._scenario.also(disk.directory, found, done)

    async def _failed_last(self, disk: Disk, point: Point) -> None:
        """What failed is there whole when the store is opened anew, or not at all."""
        store, done = await self._run(disk, lambda: disk.fail_at(point.step, full=point.seed % 2 == 0))
        disk.calm()
        await self._end(disk, store, point.end)
        await self._find(disk, done, point.seed)

    def _disk(self, seed: int) -> Disk:
        disk = Disk(random.Random(seed))
        shutil.copytree(self._template, disk.directory, dirs_exist_ok=True)
        return disk

    async def _make(self) -> None:
        with closing(Disk(random.Random(1))) as disk:
            store = SqliteStore(disk.directory)
            for call in self._scenario.before:
                await call(store, disk.directory)
            disk.kill()
            shutil.copytree(disk.directory, self._template, dirs_exist_ok=True)
            await store.close()

    async def _run(self, disk: Disk, begin: Callable[[], None]) -> tuple[SqliteStore | None, int]:
        """The store, if it could be opened, and how many calls succeeded before one failed."""
        if self._scenario.opening:
            begin()
        done = 0
        store = None
        try:
            store = SqliteStore(disk.directory)
            if not self._scenario.opening:
                begin()
            for call in self._scenario.calls:
                await call(store, disk.directory)
                done += 1
            if self._scenario.stopping:
                await store.close()
                store = None
        except Unavailable as error:
            assert not isinstance(error, StoreCorrupt), error
        return store, done

    async def _end(self, disk: Disk, store: SqliteStore | None, end: End) -> None:
        if end is End.KILL:
            disk.kill()
        elif end is not End.STOP:
            disk.power_cut(_SURVIVAL[end])
        if store is not None:
            await store.close()

    async def _die_again(self, disk: Disk, point: Point) -> None:
        """While the next process opens the store, too."""
        disk.crash_at(point.seed % 29 + 1)
        with suppress(Unavailable):
            await SqliteStore(disk.directory).close()
        await self._end(disk, None, point.end)

    async def _find(self, disk: Disk, done: int, seed: int) -> None:
        """The store opens, perhaps beside a reader, holds what it must after so many calls and perhaps another, and
        what is then acknowledged outlives a power cut."""
        reader = SqliteReader(disk.directory) if seed % 2 and not self._scenario.opening else None
        store = SqliteStore(disk.directory)
        found = await observed(store, self._scenario.rooms)
        model = self._model_of(found, done)
        await self._go_on(store, model)
        disk.power_cut(Survival.NONE)
        for one in (store, reader):
            if one is not None:
                await one.close()
        store = SqliteStore(disk.directory)
        assert await observed(store, [*self._scenario.rooms, AFTER]) == model.contents()
        await store.close()
        await self._scenario.also(disk.directory, found, done)

    def _model_of(self, found: Contents, done: int) -> Model:
        """The model of what was found: as before the call that was not acknowledged, or as after it."""
        for model in self._models[done : done + 2]:
            if model.contents() == found:
                return copy.deepcopy(model)
        raise AssertionError(
            f"after {done} calls the store holds neither what it did before nor after: {found!r:.2000}"
        )

    async def _go_on(self, store: SqliteStore, model: Model) -> None:
        """What succeeds has the numbers that it must have."""
        living = [name for name, room in model.contents().rooms.items() if room is not None]
        rows = [row(b"afterwards", room) for room in (*living, AFTER)]
        assert list(await store.append(rows)) == list(await model.append(rows))
        assert await observed(store, [*self._scenario.rooms, AFTER]) == model.contents()
