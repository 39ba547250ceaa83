"""The shrinker: what it leaves out, and what counts as the same finding."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from motet.simulation.shrink import kind, shrink
from support import seeds


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_what_is_left_is_what_it_takes(seed: int) -> None:
    """In its order."""
    print(f"seed {seed}")
    rnd = Random(seed)
    for _ in range(50):
        steps = rnd.sample(range(1000), rnd.randint(1, 220))
        needed = set(rnd.sample(steps, rnd.randint(0, min(6, len(steps)))))
        assert shrink(steps, needed.issubset) == [step for step in steps if step in needed]


def test_a_few_steps_of_many_are_found_in_few_attempts() -> None:
    """Each takes a world: one step of 220 in 20 or so, three in less than 60."""
    attempts: list[int] = []

    def fails(needed: set[int]) -> int:
        attempts.clear()

        def tried(steps: Sequence[int]) -> bool:
            attempts.append(len(steps))
            return needed.issubset(steps)

        assert set(shrink(range(220), tried)) == needed
        return len(attempts)

    assert fails({131}) < 25
    assert fails({3, 90, 200}) < 60


def test_in_the_end_no_step_can_be_left_out_alone() -> None:
    """Also where leaving one out makes room for another."""

    def fails(steps: Sequence[int]) -> bool:
        return 1 in steps and (2 in steps or 9 not in steps)

    assert shrink([1, 2, 5, 9], fails) == [1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<12> of ada got into side", "<7> of ada got into side"),
        ("row 12 of side follows row 10; <3> is lost", "row 5 of side follows row 3"),
        (
            "a divergence: Found(connection='3b55-8', vector={1: 2})",
            "a divergence: Found(connection='dcee-a', vector={})",
        ),
    ],
)
def test_a_finding_is_the_same_whatever_its_numbers(one: str, other: str) -> None:
    """Of several findings the first counts."""
    assert kind(one) == kind(other)


def test_another_finding_is_another() -> None:
    """A shrinker that slips from one to another loses the one."""
    assert kind("<1> of ada got into side") != kind("<1> is in the log of side by ada")
    assert kind("") not in (kind("<1>: gone"), kind("side is gone"))
