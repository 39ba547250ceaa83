"""Worlds: nothing is found in them, and each is the same whenever and wherever it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from time import perf_counter

import pytest

from motet.simulation.campaign import Outcome, run_world
from motet.simulation.schedule import Schedule
from support import seeds

FIXED = range(1, 26)

FRESH_SECONDS = 35.0
LONG_SECONDS = 20 * 60.0

FINGERPRINT = """
import sys
from motet.simulation.campaign import run_world
from motet.simulation.schedule import Schedule
for text in sys.argv[1:]:
    outcome = run_world(Schedule.read(text))
    print(outcome.finding, outcome.steps, outcome.seconds)
    print(sorted(outcome.counts.items()), sorted(outcome.faults.items()))
    print(*outcome.told, sep="\\n")
"""


def assert_nothing_found(outcome: Outcome) -> None:
    """Or a failure that says how to see it again."""
    if outcome.finding:
        told = "\n".join(outcome.told)
        pytest.fail(f"{told}\n{outcome.finding}\nmotet simulate --schedule {outcome.schedule} --shrink", pytrace=False)


def run_fresh(seconds: float) -> None:
    """Worlds of seeds that nobody has tried, for so long."""
    end = perf_counter() + seconds
    for seed in count(seeds.fresh()):
        if perf_counter() > end:
            break
        assert_nothing_found(run_world(Schedule(seed)))


@pytest.mark.parametrize("seed", FIXED)
def test_nothing_is_found_in_a_world_of_a_fixed_seed(seed: int) -> None:
    """It is a world in which things happen, too."""
    outcome = run_world(Schedule(seed))
    assert_nothing_found(outcome)
    assert len(outcome.steps) > 100
    assert outcome.counts["operations"] > 100


def test_nothing_is_found_in_worlds_of_fresh_seeds() -> None:
    """For half a minute."""
    run_fresh(FRESH_SECONDS)


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS + 120)
def test_nothing_is_found_in_many_worlds_of_fresh_seeds() -> None:
    """For twenty minutes."""
    run_fresh(LONG_SECONDS)


def test_a_world_is_the_same_in_another_process() -> None:
    """To the last event and count, whatever Python's hashes of strings are; and whether or not it is the first one."""
    runs = []
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-c", FINGERPRINT, "1", "2", "3", "4", "5"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        runs.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert runs[0].count("\n") > 5
    assert runs[0] == runs[1]
    alone = subprocess.run([*command[:3], "5"], capture_output=True, text=True, check=True).stdout
    assert runs[0].endswith(alone)


def test_a_step_that_is_left_out_is_not_done() -> None:
    """The others are, in the same order."""
    whole = run_world(Schedule(2))
    kept = frozenset(whole.steps[::2])
    assert run_world(Schedule(2, kept)).steps == whole.steps[::2]
