"""The journal: order, grouping, failures, bounds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from motet.errors import MotetError, Unavailable
from motet.ids import RoomName, Seq
from motet.persistence import Journal, Kind, MemoryStore, Row, journal
from motet.persistence.journal import Outcome

A, B, C = RoomName("a"), RoomName("b"), RoomName("c")


def rows(room: RoomName, *data: bytes) -> list[Row]:
    return [Row(room, "ada", 1, Kind.UPDATE, item) for item in data]


class GatedStore(MemoryStore):
    """Appends when it is let, or fails with `error`."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        self.batches.append([row.data for row in rows])
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return await super().append(rows)

    async def probe(self) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error


class Log:
    """Remembers outcomes in the order in which they came."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, object]] = []

    def done(self, name: str) -> Any:
        def done(outcome: Outcome) -> None:
            self.outcomes.append((name, type(outcome) if isinstance(outcome, MotetError) else list(outcome)))

        return done


def nothing() -> None:
    pass


async def _until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_what_is_submitted_in_one_turn_is_one_commit_and_outcomes_come_in_order() -> None:
    """[P11]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    journal.submit(rows(A, b"1", b"2"), log.done("first"))
    journal.submit(rows(B, b"3"), log.done("second"))
    journal.submit(rows(A, b"4"), log.done("third"))
    assert log.outcomes == []
    await journal.flush()
    assert store.batches == [[b"1", b"2", b"3", b"4"]]
    assert log.outcomes == [("first", [1, 2]), ("second", [1]), ("third", [3])]


async def test_what_is_submitted_during_a_commit_is_the_next_one() -> None:
    """[P11]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    store.gate.clear()
    journal.submit(rows(A, b"1"), log.done("1"))
    await _until(lambda: store.batches)
    for i in range(2, 6):
        journal.submit(rows(A, b"%d" % i), log.done(str(i)))
        await asyncio.sleep(0)
    assert store.batches == [[b"1"]]
    assert log.outcomes == []
    store.gate.set()
    await journal.flush()
    assert store.batches == [[b"1"], [b"2", b"3", b"4", b"5"]]
    assert log.outcomes == [(str(i), [i]) for i in range(1, 6)]


async def test_a_batch_ends_at_its_size_and_no_submission_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """[P11]"""
    monkeypatch.setattr(journal, "MAX_BATCH_ROWS", 3)
    monkeypatch.setattr(journal, "MAX_BATCH_BYTES", 1000)
    store, log = GatedStore(), Log()
    it = Journal(store, 1 << 20, nothing)
    it.submit(rows(A, b"1", b"2"), log.done("rows"))
    it.submit(rows(A, b"3", b"4"), log.done("rows"))
    it.submit(rows(A, b"5" * 900), log.done("large"))
    it.submit(rows(A, b"6"), log.done("small"))
    await it.flush()
    assert store.batches == [[b"1", b"2", b"3", b"4"], [b"5" * 900], [b"6"]]


async def test_a_failed_append_fails_what_waits_for_its_rooms_and_nothing_else() -> None:
    """[P12]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    store.gate.clear()
    store.error = Unavailable("full")
    journal.submit(rows(A, b"a1"), log.done("a1"))
    await _until(lambda: store.batches)
    journal.submit(rows(B, b"b1"), log.done("b1"))
    journal.submit(rows(A, b"a2") + rows(C, b"c1"), log.done("a2 c1"))
    journal.submit(rows(C, b"c2"), log.done("c2"))
    journal.submit(rows(B, b"b2"), log.done("b2"))
    store.gate.set()
    await _until(lambda: log.outcomes)
    assert log.outcomes == [("a1", Unavailable), ("a2 c1", Unavailable), ("c2", Unavailable)]
    store.error = None
    await journal.flush()
    assert log.outcomes[3:] == [("b1", [1]), ("b2", [2])]
    assert await store.load(A) is None
    assert await store.load(C) is None


async def test_what_a_room_submits_before_it_is_told_of_the_failure_fails_too() -> None:
    """[P12]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    store.error = Unavailable("full")
    journal.submit(rows(A, b"1"), log.done("1"))
    while not log.outcomes:
        journal.submit(rows(A, b"late"), log.done("late"))
        await asyncio.sleep(0)
    told = len(log.outcomes)
    store.error = None
    journal.submit(rows(A, b"after"), log.done("after"))
    await journal.flush()
    assert {outcome for _, outcome in log.outcomes[:told]} == {Unavailable}
    assert log.outcomes[told:] == [("after", [1])]


async def test_failing_is_seen_until_an_append_or_a_probe_succeeds() -> None:
    """[P13]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    for recover in ("append", "probe"):
        assert journal.failing_since is None
        store.error = Unavailable("full")
        journal.submit(rows(A, b"1"), log.done("x"))
        await journal.flush()
        since = journal.failing_since
        assert since is not None
        with pytest.raises(Unavailable):
            await journal.probe()
        assert journal.failing_since == since
        assert journal.last_error is store.error
        store.error = None
        if recover == "append":
            journal.submit(rows(A, b"1"), log.done("x"))
            await journal.flush()
        else:
            await journal.probe()
        assert journal.last_error is None
    assert journal.failing_since is None
    assert journal.statistics().failures == 2


@pytest.mark.parametrize("kind", ["append", "probe"])
@pytest.mark.parametrize("error", [None, Unavailable("full")])
async def test_how_long_a_write_takes_is_known_while_it_does(
    monkeypatch: pytest.MonkeyPatch, kind: str, error: Exception | None
) -> None:
    """[P13] And afterwards, until the next, whatever came of it."""
    store, clock = GatedStore(), [100.0]
    monkeypatch.setattr(journal.time, "monotonic", lambda: clock[0])
    made = Journal(store, 1 << 20, nothing)
    assert (made.write_seconds, made.quiet_seconds) == (0.0, 0.0)
    clock[0] += 3.0
    assert (made.write_seconds, made.quiet_seconds) == (0.0, 3.0)
    store.gate.clear()
    store.error = error
    if kind == "append":
        made.submit(rows(A, b"1"), lambda outcome: None)
        await _until(lambda: store.batches)
        done: Any = asyncio.create_task(made.flush())
    else:
        done = asyncio.gather(made.probe(), return_exceptions=True)
        await asyncio.sleep(0)
    clock[0] += 7.0
    assert (made.write_seconds, made.quiet_seconds) == (7.0, 0.0)
    store.gate.set()
    await done
    clock[0] += 2.0
    assert (made.write_seconds, made.quiet_seconds) == (7.0, 2.0)
    store.error = None
    await made.probe()
    assert (made.write_seconds, made.quiet_seconds) == (0.0, 0.0)


async def test_a_store_that_fails_unexpectedly_is_unavailable_and_reported() -> None:
    """[P12]"""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    store.error = ZeroDivisionError("a bug")
    journal.submit(rows(A, b"1"), log.done("1"))
    await journal.flush()
    assert log.outcomes == [("1", Unavailable)]
    assert [context["exception"] for context in reported] == [store.error]


async def test_a_callback_that_raises_costs_nobody_else_an_outcome() -> None:
    """[P11]"""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)

    def broken(outcome: Outcome) -> None:
        raise ZeroDivisionError

    journal.submit(rows(A, b"1"), log.done("1"))
    journal.submit(rows(A, b"2"), broken)
    journal.submit(rows(A, b"3"), log.done("3"))
    journal.submit(rows(A, b"4"), broken)
    await journal.flush()
    assert log.outcomes == [("1", [1]), ("3", [3])]
    assert len(reported) == 2
    journal.submit(rows(A, b"5"), log.done("5"))
    await journal.flush()
    assert log.outcomes[-1] == ("5", [5])


async def test_it_is_full_past_its_bound_and_says_when_it_has_drained_to_half() -> None:
    """[P16]"""
    store, log, drained = GatedStore(), Log(), []
    journal = Journal(store, 10_000, lambda: drained.append(journal.statistics().waiting_bytes))
    store.gate.clear()
    journal.submit(rows(A, bytes(4_000)), log.done("1"))
    await _until(lambda: store.batches)
    assert not journal.full
    journal.submit(rows(A, bytes(7_000)), log.done("2"))
    assert journal.full
    assert journal.statistics().waiting == 2
    store.gate.set()
    await _until(lambda: log.outcomes)
    assert journal.full, "more than half of the bound still waits"
    await journal.flush()
    assert not journal.full
    assert drained == [0]


async def test_it_drains_when_appends_fail_too() -> None:
    """[P16]"""
    store, log, drained = GatedStore(), Log(), []
    journal = Journal(store, 100, lambda: drained.append(True))
    store.error = Unavailable("full")
    journal.submit(rows(A, bytes(1_000)), log.done("1"))
    assert journal.full
    await journal.flush()
    assert drained == [True]
    assert journal.statistics().waiting_bytes == 0


async def test_a_flush_waits_for_what_was_submitted_before_it_only() -> None:
    """[P11]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    journal.submit(rows(A, b"1"), log.done("1"))
    flushing = asyncio.create_task(journal.flush())
    submitted = 1
    while not flushing.done():
        submitted += 1
        journal.submit(rows(A, b"more"), log.done(str(submitted)))
        await asyncio.sleep(0)
    assert log.outcomes[0] == ("1", [1])
    assert len(log.outcomes) < submitted
    await journal.close()
    assert len(log.outcomes) == submitted


async def test_close_flushes_and_later_submissions_fail() -> None:
    """[P11]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    await journal.close()
    journal.submit(rows(A, b"late"), log.done("late"))
    await asyncio.sleep(0)
    assert log.outcomes == [("late", Unavailable)]
    journal = Journal(store, 1 << 20, nothing)
    journal.submit(rows(A, b"1"), log.done("1"))
    await journal.close()
    assert log.outcomes[-1] == ("1", [1])


async def test_a_cancelled_append_is_no_success() -> None:
    """[P11]"""
    store, log = GatedStore(), Log()
    journal = Journal(store, 1 << 20, nothing)
    store.gate.clear()
    before = asyncio.all_tasks()
    journal.submit(rows(A, b"1"), log.done("1"))
    await _until(lambda: store.batches)
    (append,) = asyncio.all_tasks() - before
    append.cancel()
    await journal.flush()
    assert log.outcomes == [("1", Unavailable)]


async def test_statistics_count_what_was_committed() -> None:
    """[P11]"""
    journal = Journal(GatedStore(), 1 << 20, nothing)
    journal.submit(rows(A, b"12", b"345"), Log().done(""))
    await journal.flush()
    statistics = journal.statistics()
    assert (statistics.commits, statistics.rows, statistics.size, statistics.failures) == (1, 2, 5, 0)
    assert (statistics.waiting, statistics.waiting_bytes) == (0, 0)


@pytest.mark.parametrize("seed", [1, 2, 3, None])
async def test_under_random_failures_every_submission_has_one_outcome_and_it_is_true(seed: int | None) -> None:
    """[P11] [P12]"""
    seed = random.randrange(2**32) if seed is None else seed
    rng = random.Random(seed)
    store = GatedStore()
    journal = Journal(store, 1 << 20, nothing)
    kept: dict[RoomName, list[bytes]] = {A: [], B: [], C: []}
    generation = dict.fromkeys(kept, 0)
    submitted = outcomes = 0
    order: list[int] = []

    def submit(room: RoomName) -> None:
        nonlocal submitted
        n, of = submitted, generation[room]
        submitted += 1
        data = b"%d" % n

        def done(outcome: Outcome) -> None:
            nonlocal outcomes
            outcomes += 1
            if isinstance(outcome, MotetError):
                generation[room] = of + 1  # the room is thrown away
            else:
                assert generation[room] == of, f"seed {seed}: kept behind a gap"
                kept[room].append(data)
                assert list(outcome) == [len(kept[room])], f"seed {seed}"
                order.append(n)

        journal.submit(rows(room, data), done)

    for _ in range(1_500):
        store.error = Unavailable("full") if rng.random() < 0.1 else None
        for _ in range(rng.randrange(4)):
            submit(rng.choice([A, B, C]))
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        if rng.random() < 0.02:
            await journal.flush()
    store.error = None
    await journal.flush()
    assert outcomes == submitted, f"seed {seed}"
    assert order == sorted(order), f"seed {seed}"
    for room, data in kept.items():
        stored = await store.load(room)
        assert ([row.data for row in stored.tail] if stored else []) == data, f"seed {seed}"
