"""Bugs planted in the real server, on purpose: what the simulator does not find here it does not find elsewhere.

A plant is a function that patches the server; the first line of its docstring says what is wrong then. `hunt` runs
worlds until the judge objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest

from motet.simulation.schedule import Schedule
from motet.simulation.world import World

Plant = Callable[[pytest.MonkeyPatch], None]


class Catch(NamedTuple):
    """How a bug was found."""

    seed: str
    finding: str
    worlds: int
    """How many were run, with the one that found it."""
    seconds: float
    """Of the processor: what else runs on the machine does not count."""


class NotFound(Exception):
    """The time is up."""


def bug(plant: Plant) -> str:
    """What a plant makes wrong, in a sentence."""
    return (plant.__doc__ or "").partition("\n")[0].rstrip(".")


def hunt(plant: Plant, seeds: Iterable[str], seconds: float) -> Catch:
    """Runs world after world with the bug in it, for so many seconds of the processor. Raises NotFound.

    A find counts if the same world without the bug has nothing to say.
    """
    began = time.process_time()
    worlds = 0
    for worlds, seed in enumerate(seeds, 1):
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            finding = run(seed)
        took = time.process_time() - began
        if finding and not run(seed):
            return Catch(seed, finding, worlds, took)
        if took > seconds:
            break
    raise NotFound(f"{bug(plant)}: {worlds} worlds in {time.process_time() - began:.0f} s have nothing to say")


def run(seed: str) -> str:
    """What the judge finds in a world."""
    return World(Schedule.read(seed)).run().finding
