"""Which world it is: its seed, and which of the steps that follow from that are done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Schedule:
    """All steps of a seed, or some. Leaving a step out does not change what the others do, as far as that can be: each
    has its own randomness."""

    seed: int
    only: frozenset[int] | None = None

    @classmethod
    def read(cls, text: str) -> Schedule:
        """From `7`, or `7:3,9-12`. Raises ValueError."""
        seed, colon, steps = text.partition(":")
        return cls(int(seed), _numbers(steps) if colon else None)

    def __str__(self) -> str:
        return str(self.seed) if self.only is None else f"{self.seed}:{_ranges(self.only)}"

    def has(self, step: int) -> bool:
        """Whether this step is done."""
        return self.only is None or step in self.only

    def random(self, of: str) -> Random:
        """The randomness of a part of the world."""
        return Random(f"{self.seed} {of}")


def _numbers(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _ranges(numbers: Iterable[int]) -> str:
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
