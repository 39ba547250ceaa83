"""One real server, every kind of client, and everything that goes wrong with a machine, a network and people."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import torture_troubles as troubles
from torture_scene import Scene
from torture_schedule import schedule
from torture_verdict import judge

from support import seeds

FIXED = 474
"""A seed whose half-open links come early: clients take half a minute to notice."""
SHORT, BRIEF = 40.0, 3.0
"""Seconds of a schedule, and of its longest trouble, in the run of every build."""
LONG, PART, LONGEST = 20 * 60.0, 120.0, 40.0
"""Seconds of the long run, of one schedule of it, and of its longest trouble."""

pytestmark = pytest.mark.node


async def suffer(scene: Scene, seed: int, seconds: float, longest: float) -> None:
    """A schedule, and the verdict on it."""
    steps = schedule(seed, seconds, longest)
    print(f"seed {seed}: {[(step.at, str(step.trouble), step.lasts, step.amount) for step in steps]}")
    await troubles.run(scene, steps)
    await judge(scene)
    memory = f"{min(scene.memory) >> 20}-{max(scene.memory) >> 20} MiB"
    counts = ", ".join(f"{name} {count}" for name, count in scene.counts.items())
    print(f"{counts}; lost 0; memory {memory}; the longest stop {max(scene.drains):.1f} s")


@pytest.mark.timeout(300)
async def test_nothing_that_goes_wrong_costs_what_was_saved_or_shows_what_may_not_be_seen(tmp_path: Path) -> None:
    """[R1] [R6] [R9] [R13] [A8] [G1] [G2] [T5] [X54] [X56] Every trouble once, in a few seconds."""
    async with Scene.opened(tmp_path, FIXED) as scene:
        await suffer(scene, FIXED, SHORT, BRIEF)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nothing_that_goes_wrong_for_long_and_again_costs_what_was_saved(tmp_path: Path) -> None:
    """[R1] [R6] [R9] [R13] [A8] [G1] [G2] [T5] [X54] [X56] Every trouble, again and again, at other times and for
    longer; MOTET_TEST_SEED repeats it."""
    seed = seeds.fresh()
    chance = random.Random(seed)
    async with Scene.opened(tmp_path, seed) as scene:
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            await suffer(scene, chance.randrange(1 << 32), PART, LONGEST)
            scene.go_on()
