"""The simulator itself is tried: bugs that are planted in the server must be found."""

from __future__ import annotations

from itertools import count

import planted_rights
import planted_saving
import planted_sharing
import planted_sockets
import pytest
from planted import Plant, bug, hunt

from support import seeds

PLANTS: tuple[Plant, ...] = (
    *planted_saving.PLANTS,
    *planted_sharing.PLANTS,
    *planted_rights.PLANTS,
    *planted_sockets.PLANTS,
)

QUICK = {
    "acks_before_the_commit", "resumes_without_asking", "loads_without_the_newest_row", "snapshots_without_deletes",
    "counts_a_row_twice", "catches_up_from_now", "spares_the_wrong_member", "diffs_without_deletes",
    "merges_without_deletes", "broadcasts_what_it_refuses", "believes_answers", "takes_a_grant_for_all_rooms",
    "changes_roles_at_the_door_only", "takes_old_clocks", "shows_who_has_left", "holds_nobody",
    "shows_presence_everywhere", "hides_newcomers",
}  # fmt: skip
"""Those that nearly every world shows."""


@pytest.mark.parametrize("plant", [plant for plant in PLANTS if plant.__name__ in QUICK], ids=lambda p: p.__name__)
def test_a_planted_bug_is_found(plant: Plant) -> None:
    """In the first worlds that are run."""
    assert hunt(plant, (str(seed) for seed in count(200_000)), 30.0)


@pytest.mark.long
def test_the_table_of_planted_bugs() -> None:
    """A minute of fresh worlds for each; prints the table of docs/TESTING.md."""
    print("| planted | worlds | seconds | first finding |\n|---|---:|---:|---|")
    for plant in PLANTS:
        catch = hunt(plant, (str(seed) for seed in count(seeds.fresh())), 60.0)
        print(f"| {bug(plant)} | {catch.worlds} | {catch.seconds:.1f} | {catch.finding.partition(';')[0][:110]} |")
