"""Schedules in which something was found once."""

from __future__ import annotations

import pytest

from motet.simulation.campaign import run_world
from motet.simulation.schedule import Schedule

FOUND = {
    "1": "refusals were not held when each attempt showed a fresh token",
    "2": "deletes that came with the content that they delete were forgotten",
    "70071": "a call to the store came behind its end, opened it again, and nobody closed it",
}
"""What it was, by schedule."""


@pytest.mark.parametrize("schedule", FOUND)
def test_what_was_found_once_is_not_found_again(schedule: str) -> None:
    """While the world stays as it was: a step that is added or changed makes another one of each seed."""
    outcome = run_world(Schedule.read(schedule))
    assert outcome.finding == "", f"{FOUND[schedule]}? motet simulate --schedule {schedule} --trace"
