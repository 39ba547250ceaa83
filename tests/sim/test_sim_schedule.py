"""Schedules: how they are written, and that a step's randomness is its own."""

from __future__ import annotations

import pytest

from motet.simulation.schedule import Schedule


@pytest.mark.parametrize("text", ["7", "0", "7:", "7:3", "7:3,9-12", "18446744073709551616:0-219"])
def test_a_schedule_reads_as_it_is_written(text: str) -> None:
    """On a command line."""
    assert str(Schedule.read(text)) == text


def test_its_steps_are_written_in_order_and_neighbours_together() -> None:
    """Whatever the order in which they were given."""
    assert str(Schedule.read("7:12,3,10-11,9,9")) == "7:3,9-12"


@pytest.mark.parametrize("text", ["", "x", "7:x", "7:1-y", ":3"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """With a ValueError."""
    with pytest.raises(ValueError, match="invalid literal"):
        Schedule.read(text)


def test_all_steps_are_done_unless_some_are_named() -> None:
    """None may be named too."""
    assert all(Schedule(7).has(step) for step in range(300))
    assert [step for step in range(300) if Schedule.read("7:3,9-12").has(step)] == [3, 9, 10, 11, 12]
    assert not any(Schedule.read("7:").has(step) for step in range(300))


def test_a_part_draws_the_same_whichever_steps_are_left_out() -> None:
    """And another seed or part draws something else."""
    drawn = Schedule(7).random("step 3").random()
    assert Schedule.read("7:3").random("step 3").random() == drawn
    assert Schedule(8).random("step 3").random() != drawn
    assert Schedule(7).random("step 4").random() != drawn
