"""Group commit in front of a store: what all rooms submit while one commit is under way goes into the next.

Rules that the rest relies on:
1. Outcomes are delivered on the event loop, in the order of submission, and before the next append begins.
2. After a failed append all that waits for a room of that batch fails with it: those rows would follow a gap. The
   room is told in the same turn of the loop, so what it submits once it has loaded again is not behind the gap.
3. A submission costs no task, future or handle; a batch costs one task.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from motet.errors import MotetError, Unavailable
from motet.ids import Seq
from motet.persistence.port import Row, Store

GATHER = 0.010
"""Seconds from the start of a commit to that of the next. The first after a pause starts at once.

A commit costs about 0.3 ms of CPU however small it is, and more beside a busy event loop: with 2,500 rows/s in 50 rooms
a pace of 4 ms takes 17 % of the server's CPU and doubles the p99 from edit to peer, 10 ms takes 12 %. Nobody sees 10 ms
before "saved".
"""

MAX_BATCH_BYTES = 4 << 20
"""A batch ends with the submission that crosses this, so that a commit stays short (4 MiB: about 15 ms)."""

MAX_BATCH_ROWS = 4096
"""Likewise in rows (one SQLite statement)."""

ROW_BYTES = 100
"""What a row counts beyond its data: the objects that hold it."""

Outcome = Sequence[Seq] | MotetError
Done = Callable[[Outcome], None]


class _Submission(NamedTuple):
    rows: Sequence[Row]
    done: Done
    size: int


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """Since the start, but for what waits and the failure."""

    waiting: int
    """Submissions, with those of the append under way."""
    waiting_bytes: int
    waiting_rows: int
    commits: int
    rows: int
    size: int
    """Bytes of the rows' data, committed."""
    commit_seconds: float
    """Spent waiting for the store's commits."""
    failures: int
    """Appends that failed."""


class Journal:
    """Takes rows from the event loop's ticks and makes them durable, in batches, one append at a time.

    Made and used on one event loop. `max_bytes` bounds what waits: beyond it `full` is true and whoever feeds the
    journal is to stop reading from its writers until `on_drained` is called, at half of it. A submission is taken
    even so, for its edit is with the other members already: what can follow is what was read before the pause.
    """

    def __init__(self, store: Store, max_bytes: int, on_drained: Callable[[], None]) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._on_drained = on_drained
        self.on_commit: Callable[[int, int, float], None] = lambda rows, size, seconds: None
        """Told of each commit: its rows, the bytes of their data, and how long it took. It must not raise."""
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Submission] = deque()
        self._batch: list[_Submission] = []
        self._size = self._waiting_rows = 0
        self._batch_rows = self._batch_bytes = 0
        self._full = False
        self._closed = False
        self._busy = False
        self._append: asyncio.Task[Sequence[Seq]] | None = None  # held, for the event loop holds tasks weakly
        self._began = time.monotonic() - GATHER
        self._failing_since: float | None = None
        self._last_error: MotetError | None = None
        self._probe_began: float | None = None
        self._write_seconds = 0.0
        self._wrote_at = time.monotonic()
        self._commits = self._rows = self._committed = self._failures = 0
        self._commit_seconds = 0.0

    def submit(self, rows: Sequence[Row], done: Done) -> None:
        """Queues rows for the next batch; all of them go into one transaction.

        `done` is called on the event loop, once: with the rows' seqs when they are durable, or with the error, and then
        nothing of them was kept. It must not raise; if it does, the event loop's exception handler is told.
        """
        if self._closed:
            self._loop.call_soon(done, Unavailable("the journal is closed"))
            return
        size = ROW_BYTES * len(rows)
        for row in rows:
            size += len(row.data)
        self._waiting.append(_Submission(rows, done, size))
        self._size += size
        self._waiting_rows += len(rows)
        if self._size > self._max_bytes:
            self._full = True
        if not self._busy:
            self._schedule()

    @property
    def full(self) -> bool:
        """Whether more waits than should; ends with `on_drained`."""
        return self._full

    @property
    def failing_since(self) -> float | None:
        """`time.monotonic()` of the first failure since the last success, or None."""
        return self._failing_since

    @property
    def last_error(self) -> MotetError | None:
        """The newest failure since the last success."""
        return self._last_error

    @property
    def write_seconds(self) -> float:
        """What the durable write under way has taken so far, or the newest took, whichever is more; probes are some."""
        now = time.monotonic()
        began = [self._began] if self._append is not None else []
        if self._probe_began is not None:
            began.append(self._probe_began)
        return max([self._write_seconds, *[now - at for at in began]])

    @property
    def quiet_seconds(self) -> float:
        """Since the newest durable write ended, or failed; 0 while one is under way."""
        under_way = self._busy or self._probe_began is not None
        return 0.0 if under_way else time.monotonic() - self._wrote_at

    def statistics(self) -> JournalStatistics:
        return JournalStatistics(
            waiting=len(self._waiting) + len(self._batch),
            waiting_bytes=self._size,
            waiting_rows=self._waiting_rows,
            commits=self._commits,
            rows=self._rows,
            size=self._committed,
            commit_seconds=self._commit_seconds,
            failures=self._failures,
        )

    async def probe(self) -> None:
        """Asks the store for a durable write, so that health recovers without traffic. Raises Unavailable."""
        self._probe_began = began = time.monotonic()
        try:
            await self._store.probe()
        except MotetError as error:
            self._failed(error)
            raise
        finally:
            self._probe_began = None
            self._wrote(began)
        self._succeeded()

    async def flush(self) -> None:
        """Returns when all that was submitted before has its outcome, whatever is submitted meanwhile."""
        if not self._busy:
            return
        settled = asyncio.Event()
        # An empty submission belongs to no room, so that its turn comes after everything before it, failures too.
        self.submit((), lambda outcome: settled.set())
        await settled.wait()

    async def close(self) -> None:
        """Flushes; what is submitted later fails. The store stays open."""
        while self._busy:
            await self.flush()
        self._closed = True

    def _schedule(self) -> None:
        """Starts the next append at the end of this turn, or when GATHER has passed. Called only when none is ahead."""
        self._busy = True
        pause = self._began + GATHER - time.monotonic()
        if pause > 0:
            self._loop.call_later(pause, self._start)
        else:
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        rows: list[Row] = []
        size = 0
        batch = self._batch
        while self._waiting and size < MAX_BATCH_BYTES and len(rows) < MAX_BATCH_ROWS:
            submission = self._waiting.popleft()
            batch.append(submission)
            rows += submission.rows
            size += submission.size
        if not rows:
            self._batch = []
            self._deliver(iter([(submission.done, ()) for submission in batch]))
            return
        self._batch_rows, self._batch_bytes = len(rows), size - ROW_BYTES * len(rows)
        self._began = time.monotonic()
        self._append = self._loop.create_task(self._store.append(rows))
        self._append.add_done_callback(self._finished)

    def _finished(self, append: asyncio.Task[Sequence[Seq]]) -> None:
        error = self._error_of(append)
        batch, self._batch = self._batch, []
        self._waiting_rows -= self._batch_rows
        seconds = self._wrote(self._began)
        if error is None:
            self._commits += 1
            self._commit_seconds += seconds
            self._succeeded()
            self.on_commit(self._batch_rows, self._batch_bytes, seconds)
            outcomes = self._outcomes(batch, append.result())
        else:
            self._failures += 1
            self._failed(error)
            behind = self._behind(batch)
            self._waiting_rows -= sum([len(submission.rows) for submission in behind])
            batch += behind
            outcomes = iter([(submission.done, error) for submission in batch])
        self._size -= sum([submission.size for submission in batch])
        self._deliver(outcomes)

    def _outcomes(self, batch: Iterable[_Submission], seqs: Sequence[Seq]) -> Iterator[tuple[Done, Outcome]]:
        at = 0
        for rows, done, size in batch:
            n = len(rows)
            self._rows += n
            self._committed += size - ROW_BYTES * n
            yield done, seqs[at : at + n]
            at += n

    def _behind(self, failed: Iterable[_Submission]) -> list[_Submission]:
        """Takes out of the queue what waits for a room of the failed batch, or shares a submission with such a room."""
        rooms = {row.room for submission in failed for row in submission.rows}
        behind: list[_Submission] = []
        kept: deque[_Submission] = deque()
        for submission in self._waiting:
            if rooms.isdisjoint([row.room for row in submission.rows]):
                kept.append(submission)
            else:
                rooms.update(row.room for row in submission.rows)
                behind.append(submission)
        self._waiting = kept
        return behind

    def _deliver(self, outcomes: Iterator[tuple[Done, Outcome]]) -> None:
        try:
            for done, outcome in outcomes:
                done(outcome)
        except BaseException:
            # The loop's exception handler is told; the others get their outcome before anything else starts.
            self._loop.call_soon(self._deliver, outcomes)
            raise
        self._next()

    def _next(self) -> None:
        self._append = None
        if self._waiting:
            self._schedule()
        else:
            self._busy = False
        if self._full and self._size <= self._max_bytes // 2:
            self._full = False
            self._on_drained()

    def _error_of(self, append: asyncio.Task[Sequence[Seq]]) -> MotetError | None:
        if append.cancelled():
            return Unavailable("the server stopped before the commit")
        error = append.exception()
        if error is None or isinstance(error, MotetError):
            return error
        self._loop.call_exception_handler({"message": "the store failed unexpectedly", "exception": error})
        return Unavailable("the store failed unexpectedly")

    def _wrote(self, began: float) -> float:
        """A durable write has ended, well or not: how long it took."""
        self._wrote_at = time.monotonic()
        self._write_seconds = self._wrote_at - began
        return self._write_seconds

    def _failed(self, error: MotetError) -> None:
        self._last_error = error
        if self._failing_since is None:
            self._failing_since = time.monotonic()

    def _succeeded(self) -> None:
        self._failing_since = self._last_error = None
