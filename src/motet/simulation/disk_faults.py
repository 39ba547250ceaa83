"""Which steps of a disk fail, and how much of them is done first."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

from motet.simulation.platter import SECTOR


class Step(StrEnum):
    """What a process does to a disk."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    SYNC = "sync"
    TRUNCATE = "truncate"
    DELETE = "delete"
    RENAME = "rename"


_CODES: Mapping[Step, int] = {
    Step.OPEN: sqlite3.SQLITE_CANTOPEN,
    Step.READ: sqlite3.SQLITE_IOERR_READ,
    Step.WRITE: sqlite3.SQLITE_IOERR_WRITE,
    Step.SYNC: sqlite3.SQLITE_IOERR_FSYNC,
    Step.TRUNCATE: sqlite3.SQLITE_IOERR_TRUNCATE,
    Step.DELETE: sqlite3.SQLITE_IOERR_DELETE,
    Step.RENAME: sqlite3.SQLITE_IOERR,
}


class Fault(Exception):
    """A step fails; of a write a part is done first, of anything else all or nothing."""

    def __init__(self, step: Step, full: bool, part: float, cut: bool) -> None:
        super().__init__(step)
        self.code = sqlite3.SQLITE_FULL if full else _CODES[step]
        """SQLite's."""
        self._full = full
        self._part = part
        self._cut = cut

    @property
    def done(self) -> bool:
        """What the step was to do is done."""
        return self._part > 0.5

    def done_of(self, size: int) -> int:
        """Bytes that are written, of so many."""
        size = int(size * self._part)
        return size - size % SECTOR if self._cut and self._part < 1 else size

    def as_os_error(self, path: str) -> OSError:
        """What `os` raises."""
        number = errno.ENOSPC if self._full else errno.EIO
        return OSError(number, os.strerror(number), path)


class Faults:
    """The faults of one process: until it is dead, and then everything fails.

    Steps are counted from 1; reading is none. The count goes on while nothing fails, so that a run without faults tells
    how many places there are for one.
    """

    def __init__(self, rnd: random.Random, counts: Counter[str]) -> None:
        self.steps = 0
        self.dead = False
        self.failing: frozenset[Step] = frozenset()
        self.full = False
        self._rnd = rnd
        self._counts = counts
        self._fails_at = self._fails_from = self._dies_at = 0
        self._calm = True
        """Looked at first, for a commit takes a dozen steps."""

    def fail(self, what: frozenset[Step], full: bool) -> None:
        """These fail from now on."""
        self.failing, self.full = what, full
        self._look()

    def fail_at(self, n: int, full: bool) -> None:
        """The n-th step from now fails."""
        self._fails_at, self.full = self.steps + n, full
        self._look()

    def fail_from(self, n: int, full: bool) -> None:
        """The n-th step from now fails, and everything after it, reading too."""
        self._fails_from, self.full = self.steps + n, full
        self._look()

    def crash_at(self, n: int) -> None:
        """The n-th step from now is the last."""
        self._dies_at = self.steps + n
        self._look()

    def calm(self) -> None:
        """None of that."""
        self.failing = frozenset()
        self._fails_at = self._fails_from = self._dies_at = 0
        self._look()

    def die(self) -> None:
        self.dead = True
        self._look()

    def take(self, step: Step) -> None:
        """Counts the step. Raises Fault if it fails."""
        if step is not Step.READ:
            self.steps += 1
        self._counts[step] += 1
        if not self._calm:
            self._consider(step)

    def do(self, step: Step, change: Callable[[], None]) -> None:
        """Takes a step that is this change, or nothing. Raises Fault; it may be done all the same."""
        try:
            self.take(step)
        except Fault as fault:
            if fault.done:
                change()
            raise
        change()

    def _look(self) -> None:
        self._calm = not (self.dead or self.failing or self._fails_at or self._fails_from or self._dies_at)

    def _consider(self, step: Step) -> None:
        if self.dead:
            raise Fault(step, full=False, part=0, cut=False)
        taken = self.steps if step is not Step.READ else 0
        if taken and taken == self._dies_at:
            self.die()
            raise self._fault(step, full=False, part=self._rnd.choice((0.0, self._rnd.random(), 1.0)))
        broken = 0 < self._fails_from <= self.steps
        if broken or step in self.failing or (taken and taken == self._fails_at):
            raise self._fault(step, self.full, part=self._rnd.choice((0.0, self._rnd.random())))

    def _fault(self, step: Step, full: bool, part: float) -> Fault:
        self._counts["faults"] += 1
        return Fault(step, full, part, cut=self._rnd.random() < 0.5)
