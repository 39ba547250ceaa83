"""The simulator itself is tried: each bug that is planted in the server must be found."""

from __future__ import annotations

from itertools import chain, count

import planted_rights
import planted_saving
import planted_sharing
import planted_sockets
import pytest
from planted import Plant, bug, hunt

from support import seeds

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
"""Of servers that died: in a world that ends with a finding they are not taken apart."""

PLANTS: tuple[Plant, ...] = (
    *planted_saving.PLANTS,
    *planted_sharing.PLANTS,
    *planted_rights.PLANTS,
    *planted_sockets.PLANTS,
)

SMALL = "1:"
"""A world in which nothing happens but the drills at its end: that shows most bugs, in a third of a second."""

KNOWN: dict[Plant, str] = {
    planted_saving.syncs_nothing: "2",
    planted_saving.drops_a_row_too_many: "7",
    planted_saving.snapshots_an_older_document: "4:",
    planted_saving.snapshots_without_deletes: "2:",
    planted_saving.loads_without_the_newest_row: "2:",
    planted_rights.believes_answers: "2:",
    planted_rights.revokes_at_the_door_only: "6",
    planted_rights.lets_expired_grants_stay: "10",
    planted_rights.ignores_roles_at_the_door: "1",
    planted_rights.forgets_rulings_at_a_restart: "1",
    planted_rights.expels_nobody: "1",
    planted_rights.serves_deleted_rooms: "2",
    planted_rights.ignores_tombstones: "2",
    planted_sockets.holds_nobody: "4:",
    planted_sockets.says_nothing_to_the_denied: "2:",
    planted_sockets.says_nothing_in_quiet_rooms: "6:",
    planted_sockets.pings_nobody: "3",
}
"""Worlds that show the others. When the simulator changes it may be others, which are tried after them."""

OTHERS = 15.0
"""Seconds of the processor for those."""


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant) -> None:
    """In a world that is known for it, or one of the next best."""
    small = (f"{seed}:" for seed in range(1, 9))
    hunt(plant, chain([KNOWN.get(plant, SMALL)], small, map(str, count(1))), OTHERS)


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_each_planted_bug_is_found_in_a_minute_of_fresh_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the table of docs/TESTING.md."""
    lines = ["| planted | found by | seed | worlds | seconds |", "|---|---|---:|---:|---:|"]
    for plant in PLANTS:
        catch = hunt(plant, map(str, count(seeds.fresh())), 60.0)
        says = catch.finding.partition("; ")[0].replace("\0", " ")[:110]
        lines.append(f"| {bug(plant)} | {says} | {catch.seed} | {catch.worlds} | {catch.seconds:.1f} |")
    with capsys.disabled():
        print("\n".join(["", *lines]))
