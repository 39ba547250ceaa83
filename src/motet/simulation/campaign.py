"""Many worlds, in one process or several, and what they came to together."""

from __future__ import annotations

import logging
import re
import signal
import traceback
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from typing import Final

import structlog

from motet.simulation.schedule import Schedule
from motet.simulation.world import Report, World

_SHOWN: Final = 60
"""Events before a finding that are told."""

_STEP: Final = re.compile(r" *[\d.]+ (\d+): ")
"""How a world tells that it does a step."""
_LISTENS: Final = "the server listens"
"""How it tells that a life of the server begins."""

DISK: Final = "a step of the disk's"
"""A fault beside the kinds of steps."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one world came to."""

    schedule: Schedule
    finding: str
    """What was not as it must be; "" if all was."""
    told: tuple[str, ...]
    """The last events before the finding."""
    steps: tuple[int, ...]
    """Those that were done, in their order."""
    counts: Counter[str]
    faults: Counter[str]
    """By kind."""
    seconds: float
    """Virtual."""


@dataclass(slots=True)
class Tally:
    """What some worlds came to."""

    worlds: int = 0
    seconds: float = 0.0
    """Virtual."""
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """By kind."""

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.worlds += 1
        self.seconds += outcome.seconds
        self.counts.update(outcome.counts)
        self.faults.update(outcome.faults)


def run_world(schedule: Schedule) -> Outcome:
    """One world, in this process, which has its time, its randomness and its log meanwhile. Raises VfsUnavailable."""
    with quiet():
        world = World(schedule)
        world.told = deque()  # all of it, for the steps are to be known
        try:
            report = world.run()
        except Exception as error:  # noqa: BLE001 - a mistake of whomever: what matters is the schedule that leads to it
            world.told.extend(traceback.format_exception(error))
            report = Report(schedule, f"{type(error).__name__}: {error}", world.judge.counts, told=list(world.told))
    done = (_STEP.match(line) for line in report.told)
    lives = sum(line.endswith(_LISTENS) for line in report.told)
    return Outcome(
        schedule,
        report.finding,
        tuple(report.told[-_SHOWN:]),
        tuple(int(step[1]) for step in done if step is not None),
        report.counts + Counter(lives=lives),
        world.faults + Counter({DISK: world.disk.counts["faults"]}),
        report.seconds,
    )


def run_worlds(schedules: Iterator[Schedule], jobs: int) -> Iterator[Outcome]:
    """Worlds as they end, in this process, or in so many at once. Raises VfsUnavailable."""
    if jobs == 1:
        yield from map(run_world, schedules)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _ignore_interrupts) as pool:
        running: set[Future[Outcome]] = {pool.submit(run_world, schedule) for schedule in islice(schedules, jobs)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                running.update(pool.submit(run_world, schedule) for schedule in islice(schedules, 1))
                yield future.result()


def _ignore_interrupts() -> None:
    """Ctrl-C is for the process that waits for the worlds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def quiet() -> Iterator[None]:
    """A server that fails on purpose has much to log."""
    configured, disabled = structlog.get_config(), logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**configured)
        logging.disable(disabled)
