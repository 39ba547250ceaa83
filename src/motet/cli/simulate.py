"""`motet simulate`: worlds in which everything fails that can, and a judge of what the server makes of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import count, islice, takewhile
from time import perf_counter  # the other clocks are the world's while one runs
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from motet.cli.output import table_console
from motet.simulation.campaign import Outcome, Tally, run_world, run_worlds
from motet.simulation.schedule import Schedule
from motet.simulation.shrink import kind
from motet.simulation.shrink import shrink as smallest
from motet.simulation.vfs import VfsUnavailable

DEFAULT_SECONDS = 60.0
"""For which worlds of fresh seeds are run."""

INTERRUPTED = 130
"""Exit code."""


def simulate(
    seed: Annotated[
        int | None,
        typer.Option(help="of the first world; the next ones follow; fresh if not given", show_default=False),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(metavar="SEED[:STEPS]", help="one world, or some of its steps: 7, 7:3,9-12", show_default=False),
    ] = None,
    worlds: Annotated[
        int | None, typer.Option(min=1, help="so many worlds; one if a seed is given", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0, help=f"for so long in real time; {DEFAULT_SECONDS:g} if no seed is given", show_default=False
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="so many worlds at once, each in a process of its own")] = 1,
    shrink: Annotated[bool, typer.Option("--shrink", help="look for the fewest steps that lead to a finding")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="tell the last events before a finding")] = False,
) -> None:
    """Try the server: real clients' models edit in virtual time while network, disk and process fail, by a seed.

    A world is a whole server with its clients and every fault, in a minute or a few days of its own time. A judge who
    does not ask the server finds lost edits, replicas that differ, ghosts, and what was shown or written without a
    right. Exit code 1 if anything is found, with the schedule that repeats it. No data directory is touched, and no
    socket opened.
    """
    schedules = _schedules(seed, schedule, worlds, seconds)
    try:
        found = _run(schedules, jobs)
        if found is None:
            return
        _tell(found, trace)
        if shrink:
            _shrink(found, trace)
    except VfsUnavailable as e:
        typer.echo(f"{typer.style('motet:', fg='red')} the disk cannot be simulated here: {e}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(1)


def _schedules(seed: int | None, schedule: str | None, worlds: int | None, seconds: float | None) -> Iterator[Schedule]:
    if worlds is not None and seconds is not None:
        raise typer.BadParameter("how many worlds, or for how long: not both", param_hint="--worlds")
    if schedule is not None:
        if (seed, worlds, seconds) != (None, None, None):
            raise typer.BadParameter("this is one world: no other option says which", param_hint="--schedule")
        try:
            return iter((Schedule.read(schedule),))
        except ValueError:
            problem = f"{schedule!r} is no seed with, after a colon, the steps of it: 7, 7:3,9-12"
            raise typer.BadParameter(problem, param_hint="--schedule") from None
    first = seed if seed is not None else secrets.randbelow(1 << 32)
    typer.echo(f"seeds from {first}")
    endless = (Schedule(number) for number in count(first))
    if seconds is None and (worlds is not None or seed is not None):
        return islice(endless, worlds or 1)
    end = perf_counter() + (DEFAULT_SECONDS if seconds is None else seconds)
    return takewhile(lambda _: perf_counter() < end, endless)


def _run(schedules: Iterator[Schedule], jobs: int) -> Outcome | None:
    """Runs them until something is found, and tells what they came to."""
    tally, start = Tally(), perf_counter()
    try:
        with Console(stderr=True).status("worlds") as status:
            for outcome in run_worlds(schedules, jobs):
                tally.add(outcome)
                status.update(f"{tally.worlds:,} worlds, {tally.counts['operations']:,} operations")
                if outcome.finding:
                    return outcome
    finally:
        table_console().print(_summary(tally, (perf_counter() - start) / 60))
    return None


def _summary(tally: Tally, minutes: float) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for justify in ("left", "right", "right"):
        table.add_column(justify=justify)

    def row(name: str, number: int, rate: bool = False) -> None:
        table.add_row(name, f"{number:,}", f"{number / minutes:,.0f} a minute" if rate else "")

    counts = tally.counts
    row("worlds", tally.worlds, rate=True)
    row("virtual seconds", round(tally.seconds))
    row("operations of clients", counts["operations"], rate=True)
    row("faults", counts["faults"], rate=True)
    row("rows committed", counts["rows"])
    row("lives of the server", counts["lives"])
    row("replicas compared", counts["compared replicas"])
    for name, number in tally.faults.most_common():
        row(f"  {name}", number)
    return table


def _tell(found: Outcome, trace: bool) -> None:
    for line in found.told if trace else ():
        typer.echo(line.rstrip())
    typer.echo(typer.style(found.finding, fg="red"))
    typer.echo(f"again: motet simulate --schedule {found.schedule}")


def _shrink(found: Outcome, trace: bool) -> None:
    wanted, seed, last = kind(found.finding), found.schedule.seed, found
    with Console(stderr=True).status("") as status:

        def fails(steps: Sequence[int]) -> bool:
            nonlocal last
            status.update(f"{len(last.steps)} steps are known to lead to it")
            tried = run_world(Schedule(seed, frozenset(steps)))
            if kind(tried.finding) != wanted:
                return False
            last = tried
            return True

        smallest(found.steps, fails)
    typer.echo(f"{len(last.steps)} of its {len(found.steps)} steps are enough:")
    _tell(last, trace)
