"""The soak: the hour, and the same in seconds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from soak.report import as_table, failures, given_back, promises, report
from soak.run import soak
from soak.samples import read
from soak.shape import SHORT, hour
from support import seeds
from support.server import serving


async def test_a_crowd_that_comes_and_goes_is_told_the_truth_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """[R1] [R17] [R18] Every edit is acknowledged and there, rooms are evicted and opened again, and memory returns."""
    samples = tmp_path / "samples.jsonl"
    with serving(tmp_path, SHORT.settings) as server:
        outcome = await soak(server, SHORT, seeds.fresh(), samples)
    taken = read(samples.read_text().splitlines())
    assert len(taken) > SHORT.seconds / SHORT.window / 2
    missing = {name for name, value in asdict(taken[-1]).items() if value is None}
    assert not missing, f"not measured: {missing}"
    assert outcome.tally.acknowledged > 0
    assert taken[-1].rooms_opened > sum(SHORT.rooms.values()), "no room was ever opened again"
    found = [*promises(outcome), *given_back(outcome.ebb)]
    assert not failures(found), f"seed {seeds.fresh()}\n{as_table(found)}"


@pytest.mark.long
@pytest.mark.timeout(4500)
async def test_an_hour_of_500_people_changes_nothing(tmp_path: Path) -> None:
    """[R1] [R9] [R17] [R18] Memory follows what is held, answers come as fast at the end, and the file has a bound."""
    shape, samples = hour(60.0, keeps_ids=True), tmp_path / "samples.jsonl"
    with serving(tmp_path, shape.settings) as server:
        outcome = await soak(server, shape, seeds.fresh(), samples)
    found = report(read(samples.read_text().splitlines()), outcome, shape.warm_up)
    assert not failures(found), f"seed {seeds.fresh()}\n{as_table(found)}"
