"""Virtual time: the timeline, the clock that the whole process is shown, and the server's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from math import inf

import pytest

from motet.rooms import Hub
from motet.simulation.clock import EPOCH, START, Clock
from motet.simulation.loop import VirtualLoop
from motet.simulation.timeline import Timeline


class Died(BaseException):
    """As in a world."""


class Stage:
    """A loop and what goes on around it. Calls for an executor take a second each."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock)
        self.loop = VirtualLoop(self.clock, self._idle, self._work)
        self.dies = False

    def _idle(self, timeout: float | None) -> None:
        self.timeline.step(inf if timeout is None else self.timeline.now() + timeout)
        if self.dies:
            raise Died

    def _work(self, executor: object, call: Callable[[], Callable[[], None]]) -> None:
        self.timeline.later(1.0, lambda: self.timeline.later(1.0, call()) and None)


def test_events_happen_in_the_order_of_their_times_and_then_of_their_making() -> None:
    """And time is what the event says."""
    timeline = Timeline(Clock())
    told: list[tuple[str, float]] = []
    for seconds, name in ((2.0, "c"), (1.0, "a"), (1.0, "b")):
        timeline.later(seconds, lambda name=name: told.append((name, timeline.now() - START)))  # type: ignore[misc]
    cancelled = timeline.later(1.5, lambda: told.append(("never", 0.0)))
    cancelled.cancel()
    while timeline.step(inf):
        pass
    assert told == [("a", 1.0), ("b", 1.0), ("c", 2.0)]


def test_a_step_goes_no_further_than_it_may() -> None:
    """Then it is that time, and the event is still to come."""
    timeline = Timeline(Clock())
    told: list[str] = []
    timeline.later(2.0, lambda: told.append("late"))
    assert timeline.step(timeline.now() + 1.5)
    assert (told, timeline.now()) == ([], START + 1.5)
    assert not timeline.step(inf)
    assert (told, timeline.now()) == (["late"], START + 2.0)


def test_what_was_due_while_the_machines_slept_happens_when_they_wake_up() -> None:
    """At that time, not at its own."""
    timeline = Timeline(Clock())
    told: list[float] = []
    timeline.later(1.0, lambda: told.append(timeline.now()))
    timeline.leap(3_600.0)
    timeline.step(inf)
    assert told == [START + 3_600.0]


def test_the_whole_process_is_shown_the_time_of_the_world() -> None:
    """And its own again afterwards, whatever has happened."""
    true, clock = (time.monotonic, time.time, time.time_ns), Clock()
    with pytest.raises(Died), clock.installed():
        assert (time.monotonic(), time.time(), time.time_ns()) == (START, EPOCH, int(EPOCH * 1e9))
        assert Hub.now() == START
        clock.seconds += 5
        assert (time.monotonic(), time.time()) == (START + 5, EPOCH + 5)
        raise Died
    assert (time.monotonic, time.time, time.time_ns) == true
    assert Hub.now is time.monotonic


def test_a_wall_clock_that_is_set_leaves_monotonic_time_alone() -> None:
    """And it is known how far it is behind what it once showed."""
    clock = Clock()
    clock.set_wall(-60.0)
    assert (clock.monotonic(), clock.time(), clock.behind) == (START, EPOCH - 60.0, 60.0)
    clock.set_wall(3_600.0)
    assert (clock.time(), clock.behind) == (EPOCH + 3_540.0, 0.0)


def test_whoever_sleeps_wakes_up_in_order_and_no_time_passes() -> None:
    """An hour of the world."""
    stage, told = Stage(), list[str]()

    async def sleeps(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        told.append(name)

    async def both() -> None:
        await asyncio.gather(sleeps("late", 3_600.0), sleeps("early", 60.0))

    stage.loop.run_until_complete(both())
    assert told == ["early", "late"]
    assert stage.timeline.now() == START + 3_600.0


def test_events_of_the_world_happen_between_the_timers_of_the_loop() -> None:
    """Each at its time."""
    stage, told = Stage(), list[str]()

    async def server() -> None:
        await asyncio.sleep(1.0)
        told.append("server")
        await asyncio.sleep(2.0)
        told.append("server")

    stage.timeline.later(2.0, lambda: told.append("world"))
    stage.loop.run_until_complete(server())
    assert told == ["server", "world", "server"]


def test_a_call_for_a_thread_is_made_in_this_one_at_a_moment_of_the_worlds() -> None:
    """And its outcome is known later still; what it raises is raised where it is awaited."""
    stage = Stage()

    def call(fails: bool) -> tuple[float, int]:
        if fails:
            raise OSError("no such disk")
        return stage.timeline.now(), threading.get_ident()

    async def server() -> None:
        assert await stage.loop.run_in_executor(None, call, False) == (START + 1.0, threading.get_ident())
        assert stage.timeline.now() == START + 2.0
        with pytest.raises(OSError, match="no such disk"):
            await stage.loop.run_in_executor(None, call, True)

    stage.loop.run_until_complete(server())


def test_of_a_process_that_has_died_nothing_runs_any_more() -> None:
    """Not even what was to happen finally."""
    stage, told = Stage(), list[str]()

    async def server() -> None:
        try:
            await asyncio.sleep(10.0)
        finally:
            told.append("tidied up")

    def die() -> None:
        stage.dies = True

    stage.timeline.later(1.0, die)
    with pytest.raises(Died):
        stage.loop.run_until_complete(server())
    stage.loop.bury()
    stage.dies = False
    while stage.timeline.step(inf):
        pass
    assert told == []
    assert not stage.loop.is_running()
