"""What goes wrong, and when: data made from a seed."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import NamedTuple


class Trouble(StrEnum):
    """All that the schedules know of."""

    KILL = "kill"
    STOP = "stop"
    DRAIN = "drain"
    FULL_DISK = "full disk"
    SLOW_DISK = "slow disk"
    WALL_CLOCK = "wall clock"
    MONOTONIC_CLOCK = "monotonic clock"
    LATENCY = "latency"
    STALL = "stall"
    RESET = "reset"
    HALF_OPEN = "half-open"
    SLOW_READER = "slow reader"
    REVOCATION = "revocation"
    ROLE = "role"
    DELETION = "deletion"


LASTS = {
    Trouble.KILL: (0.0, 3.0),
    Trouble.STOP: (1.0, 40.0),
    Trouble.DRAIN: (0.0, 2.0),
    Trouble.FULL_DISK: (1.0, 15.0),
    Trouble.SLOW_DISK: (2.0, 20.0),
    Trouble.LATENCY: (2.0, 20.0),
    Trouble.STALL: (1.0, 25.0),
    Trouble.SLOW_READER: (2.0, 15.0),
    Trouble.ROLE: (1.0, 15.0),
}
"""Seconds, at least and at most; the others are over at once."""


class Step(NamedTuple):
    """A trouble that begins `at` seconds, and lasts for some."""

    at: float
    trouble: Trouble
    lasts: float
    amount: float
    """From 0 to 1: how bad it is, and whom it meets."""

    def of(self, low: float, high: float) -> float:
        """The amount on a logarithmic scale."""
        return float(low * (high / low) ** self.amount)


def schedule(seed: int, seconds: float, longest: float) -> list[Step]:
    """Every trouble once, in any order, spread over so much time; none lasts longer than `longest` seconds."""
    chance = random.Random(seed)
    troubles = list(Trouble)
    chance.shuffle(troubles)
    slot = seconds / len(troubles)
    steps = []
    for number, trouble in enumerate(troubles):
        low, high = LASTS.get(trouble, (0.0, 0.0))
        at = slot * (number + chance.random())
        lasts = chance.uniform(min(low, longest), min(high, longest))
        steps.append(Step(round(at, 2), trouble, round(lasts, 2), round(chance.random(), 3)))
    return steps
