"""`motet simulate`: what it runs, what it tells, and how it ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
import structlog
from cli_harness import motet

from motet.simulation import campaign
from motet.simulation.campaign import Outcome
from motet.simulation.schedule import Schedule
from motet.simulation.steps import KINDS, Kind
from motet.simulation.vfs import VfsUnavailable
from motet.simulation.world import World

SHORT = "7:0-9"
"""A world with few steps."""


def table(out: str) -> dict[str, str]:
    """The numbers of the summary by what they are of."""
    rows = (re.split(r" {2,}", line.strip()) for line in out.splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1}


@pytest.fixture
def finds_a_second_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes two of many steps."""

    def reset(world: World, rnd: Random) -> None:
        judge = world.judge
        judge.counts["resets"] += 1
        if judge.counts["resets"] == 2:
            judge.finds(f"<{rnd.randrange(1000)}> has come twice")

    monkeypatch.setitem(KINDS, "reset", Kind(reset, 200, False))


def test_a_world_is_told_in_a_table() -> None:
    """And nothing else is: no progress where there is no terminal, no log of the server."""
    before = structlog.get_config()
    outcome = motet("simulate", "--schedule", SHORT)
    assert (outcome.code, outcome.err) == (0, "")
    told = table(outcome.out)
    assert told["worlds"] == "1"
    assert int(told["virtual seconds"].replace(",", "")) > 60
    assert int(told["operations of clients"]) > 0
    assert int(told["lives of the server"]) > 0
    assert {"faults", "rows committed", "replicas compared"} < told.keys()
    assert structlog.get_config() == before


def test_worlds_of_the_seeds_from_the_first_run_in_so_many_processes() -> None:
    """As many as are asked for."""
    outcome = motet("simulate", "--seed", 1, "--worlds", 3, "--jobs", 2)
    assert outcome.err == ""
    assert outcome.out.startswith("seeds from 1\n")
    assert outcome.code == 1 or table(outcome.out)["worlds"] == "3"


def test_without_a_seed_there_is_a_fresh_one_which_is_told_first() -> None:
    """For so long."""
    outcomes = [motet("simulate", "--seconds", 0) for _ in range(2)]
    seeds = [re.fullmatch(r"seeds from (\d+)", outcome.out.splitlines()[0]) for outcome in outcomes]
    assert all(seeds)
    assert outcomes[0].out.splitlines()[0] != outcomes[1].out.splitlines()[0]
    assert [table(outcome.out)["worlds"] for outcome in outcomes] == ["0", "0"]


def test_a_finding_is_exit_code_1_with_the_schedule_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The events before it only if they are asked for; the worlds after it are not run."""

    def worlds(schedules: Iterator[Schedule], jobs: int) -> Iterator[Outcome]:
        for schedule in schedules:
            finding = "<5> is lost" if schedule.seed == 12 else ""
            yield Outcome(schedule, finding, ("   1.000 7: kill",), (7,), Counter(), Counter(), 2.0)

    monkeypatch.setattr("motet.cli.simulate.run_worlds", worlds)
    outcome = motet("simulate", "--seed", 10, "--worlds", 9)
    assert outcome.code == 1
    assert outcome.out.splitlines()[-2:] == ["<5> is lost", "again: motet simulate --schedule 12"]
    assert table(outcome.out)["worlds"] == "3"
    assert "kill" not in outcome.out
    assert "   1.000 7: kill\n<5> is lost\n" in motet("simulate", "--seed", 10, "--worlds", 9, "--trace").out


@pytest.mark.usefixtures("finds_a_second_reset")
def test_a_finding_is_shrunk_to_the_steps_that_lead_to_it() -> None:
    """The same finding, whatever its numbers; and the schedule that is told leads to it."""
    outcome = motet("simulate", "--schedule", SHORT, "--shrink")
    assert outcome.code == 1
    last = outcome.out.splitlines()[-1]
    shrunk = Schedule.read(last.removeprefix("again: motet simulate --schedule "))
    assert shrunk.only is not None
    assert len(shrunk.only) == 2
    assert outcome.out.count("has come twice") == 2
    assert "2 of its " in outcome.out
    again = motet("simulate", "--schedule", shrunk)
    assert again.code == 1
    assert re.search(r"^<\d+> has come twice$", again.out, re.MULTILINE)


def test_a_mistake_of_the_simulation_is_a_finding_with_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the traceback among the events."""

    def breaks(world: World, rnd: Random) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setitem(KINDS, "reset", Kind(breaks, 1000, False))
    outcome = motet("simulate", "--schedule", SHORT, "--trace")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-2:] == ["ZeroDivisionError: of ours", f"again: motet simulate --schedule {SHORT}"]
    assert "Traceback" in outcome.out


def test_where_the_disk_cannot_be_simulated_it_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""

    def world(schedule: Schedule) -> None:
        raise VfsUnavailable("SQLite has no VFS here")

    monkeypatch.setattr(campaign, "World", world)
    outcome = motet("simulate", "--schedule", SHORT)
    assert outcome.code == 2
    assert outcome.err == "motet: the disk cannot be simulated here: SQLite has no VFS here\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--schedule", "seven"], "'seven' is no seed"),
        (["--schedule", "7:x"], "'7:x' is no seed"),
        (["--schedule", "7", "--seed", "7"], "this is one world"),
        (["--worlds", "2", "--seconds", "2"], "not both"),
        (["--worlds", "0"], "--worlds"),
    ],
)
def test_options_that_do_not_go_together_are_exit_code_2(options: list[str], told: str) -> None:
    """As every wrong command line."""
    outcome = motet("simulate", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err
