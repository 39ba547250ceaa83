"""The store at every step that it takes on the disk: killed there, cut from power, or refused. See `crash_points`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from crash_points import Point, Scenario, Trial
from crash_scenarios import SCENARIOS, small_steps  # noqa: F401 (a fixture)

from support import seeds

SAMPLE = 20
"""Points of each scenario, for each seed; all of them are about 25,000."""

pytestmark = pytest.mark.usefixtures("small_steps")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("seed", [1, seeds.fresh()])
async def test_whatever_step_fails_or_is_the_last_each_call_is_done_or_not(
    scenario: Scenario, seed: int, tmp_path: Path
) -> None:
    """[P1] [P2] [P3] [P6] [P7] [P10] [P15] [P18] [P19] [P20] [P21] [P22] At some of the points."""
    trial = Trial(scenario, tmp_path / "template")
    await trial.prepare()
    await _check(trial, random.Random(seed).sample(list(trial.points()), SAMPLE))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_at_every_point(scenario: Scenario, tmp_path: Path) -> None:
    """[P1] [P2] [P3] [P6] [P7] [P10] [P15] [P18] [P19] [P20] [P21] [P22]"""
    trial = Trial(scenario, tmp_path / "template")
    await trial.prepare()
    await _check(trial, list(trial.points()))


async def _check(trial: Trial, points: Sequence[Point]) -> None:
    for point in points:
        await trial.check(point)
