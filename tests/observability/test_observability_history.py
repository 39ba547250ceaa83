"""The last hour in steps, and how it is now."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from motet.observability import Counts, Histograms, History, Levels, LoopLag, LoopLagged
from motet.observability.events import Event
from motet.observability.history import STEPS

START = 1_000_000.0
"""The beginning of a step."""


class Server:
    """Counts and a history, with a clock that goes a second at a time."""

    def __init__(self) -> None:
        self.counts, self.histograms = Counts(), Histograms()
        self.at = START
        self.history = History(self.counts, self.histograms, self.at)

    def second(self, *, updates: int = 0, people: int = 0, peer: float | None = None, lag: float = 0.0) -> None:
        self.at += 1.0
        self.counts.updates += updates
        self.counts.bytes_in += 100 * updates
        if peer is not None:
            self.histograms.edit_to_peer_seconds.observe(peer, self.at)
        levels = Levels(
            connections=people, people=people, members=people, rooms=1, behind=0, journal_bytes=0, loop_lag=lag
        )
        self.history.sample(levels, self.at)

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.history.json())
        return found


def test_a_step_has_rates_the_highest_levels_and_latencies_or_none() -> None:
    """Ten seconds each; what was not measured is null."""
    server = Server()
    for n in range(10):
        server.second(updates=5, people=n, peer=0.0015, lag=n / 100)
    for _ in range(10):
        server.second()
    found = server.json()
    assert found["step"] == 10
    assert found["at"] == [START + 10, START + 20]
    series = found["series"]
    assert series["updates_per_second"] == [5.0, 0.0]
    assert series["bytes_in_per_second"] == [500.0, 0.0]
    assert 0.001 <= series["peer_p99"][0] <= 0.002 and series["peer_p99"][1] is None
    assert series["durable_p99"] == [None, None]
    # The sample that ends a step is of the next.
    assert series["people"] == series["connections"] == [8, 9]
    assert series["loop_lag"] == [0.08, 0.09]


def test_it_is_bounded_by_an_hour() -> None:
    """The oldest step goes."""
    server = Server()
    for _ in range(2 * STEPS * 10):
        server.second(updates=1)
    found = server.json()
    assert len(found["at"]) == STEPS
    assert all(len(values) == STEPS for values in found["series"].values())
    assert found["at"][-1] - found["at"][0] == 3590


def test_who_was_over_a_rate_is_told_for_a_minute() -> None:
    """Then it is over."""
    server = Server()
    for n in range(100):
        if n < 10:
            server.counts.slowed.add("room" if n % 2 else "socket")
        server.second()
        assert server.history.now().slowed == (min(n + 1, 10) if n < 60 else max(0, 69 - n))


def test_a_pause_of_the_process_is_no_burst() -> None:
    """A rate is over the time that really went by."""
    server = Server()
    server.second()
    server.at += 99.0
    server.second(updates=100)
    assert server.json()["series"]["updates_per_second"] == [pytest.approx(100 / 101)]


def test_now_is_the_last_seconds_and_latencies_are_of_the_last_minute() -> None:
    """Older ones count no more."""
    server = Server()
    assert server.history.now().updates_per_second == 0.0 and server.history.now().peer_p50 is None
    server.second(updates=1000, peer=9.0, people=3)
    assert server.history.now().people == 3
    assert server.history.now().peer_p99 == pytest.approx(10, rel=0.5)
    for _ in range(60):
        server.second(updates=10, peer=0.0015)
    now = server.history.now()
    assert (now.updates_per_second, now.bytes_in_per_second) == (10.0, 1000.0)
    assert now.peer_p50 is not None and now.peer_p99 is not None
    assert 0.001 <= now.peer_p50 <= now.peer_p99 <= 0.002
    for _ in range(61):
        server.second()
    assert server.history.now().peer_p99 is None


async def test_a_busy_loop_is_seen_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """By how late a timer is."""
    monkeypatch.setattr("motet.observability.loop.EVERY", 0.01)
    told: list[Event] = []
    lag = LoopLag(told.append)
    assert lag.worst == 0.0
    lag.start()
    await asyncio.sleep(0.03)
    time.sleep(0.4)  # what must not be done
    await asyncio.sleep(0.03)
    lag.stop()
    assert lag.worst > 0.25
    (event,) = told
    assert isinstance(event, LoopLagged) and event.seconds == lag.worst


async def test_a_loop_that_stays_busy_is_told_of_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is late."""
    monkeypatch.setattr("motet.observability.loop.EVERY", 0.001)
    monkeypatch.setattr("motet.observability.loop.LATE", 0.01)
    monkeypatch.setattr("motet.observability.loop.TOLD_AGAIN", 1e9)
    told: list[Event] = []
    lag = LoopLag(told.append)
    lag.start()
    for _ in range(5):
        time.sleep(0.03)
        await asyncio.sleep(0.005)
    lag.stop()
    assert len(told) == 1
