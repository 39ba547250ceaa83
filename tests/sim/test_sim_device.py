"""Devices: real documents whose edits tell what they did."""

from __future__ import annotations

import gc
import itertools
import random
import re
import weakref

import pytest
from sim_stage import Hours

from motet.crdt.replica import SLOW, Replica, at_once, holding, read_state_vector
from motet.simulation.device import COMMENTS, LANES, Device, Edit
from support.seeds import fresh


def devices(seed: int, count: int) -> list[Device]:
    hours, marks = Hours(), itertools.count(1)
    return [Device("room", 100 + n, random.Random(seed * 100 + n), marks, hours) for n in range(count)]


def play(device: Device, edits: int, lane: str | None = None) -> list[tuple[Edit, bytes]]:
    made: list[tuple[Edit, bytes]] = []
    device.on_edit = lambda edit, update: made.append((edit, update))
    for _ in range(edits):
        device.edit(lane)
    return made


def exchange(some: list[Device]) -> None:
    """Everybody syncs with everybody, twice."""
    for _ in range(2):
        for a, b in itertools.permutations(some, 2):
            a.apply(b.update_since(a.state_vector()))


@pytest.mark.parametrize("seed", [1, 2, 3, fresh()])
def test_devices_converge_in_content_and_state(seed: int) -> None:
    some = devices(seed, 3)
    for _ in range(5):
        for device in some:
            play(device, 20)
        exchange(some)
        assert len({device.content() for device in some}) == 1, seed
        assert len({device.state_hash() for device in some}) == 1, seed


@pytest.mark.parametrize("seed", [1, 2, fresh()])
def test_an_edit_says_what_its_update_holds(seed: int) -> None:
    [device] = devices(seed, 1)
    ends: dict[int, int] = {}
    made = whole = 0
    for edit, update in play(device, 300):
        held = at_once(holding(update))
        assert edit.clock == ends.get(edit.client, 0), seed
        ends[edit.client] = held.ends.get(edit.client, edit.clock)
        assert edit.length == ends[edit.client] - edit.clock
        dead = {
            client: sum(z - a for page in ranges.pages for a, z in zip(*page.load(), strict=True))
            for client, ranges in held.dead.items()
        }
        assert sum(dead.values()) == sum(length for _, _, length in edit.deletes)
        found = set(map(int, re.findall(rb"<(\d+)>", update)))
        assert found <= set(edit.marks)
        made, whole = made + len(edit.marks), whole + len(found)
    assert whole > 0.9 * made, "a later step of the same edit splits or deletes few"
    assert read_state_vector(device.state_vector()) == ends


@pytest.mark.parametrize("seed", [1, 2, fresh()])
def test_an_edit_is_in_one_lane_and_the_lane_is_what_the_server_makes_of_it(seed: int) -> None:
    """[X75]"""
    [device] = devices(seed, 1)
    replica = Replica()
    for edit, update in play(device, 300):
        roots = replica.touched(update).roots
        assert roots == {COMMENTS} if edit.lane == COMMENTS else COMMENTS not in roots, (seed, edit)
        replica.take(update, 1)
        replica.news()


def test_edits_can_be_asked_for_by_lane() -> None:
    [device] = devices(4, 1)
    for lane in LANES:
        assert {edit.lane for edit, _ in play(device, 50, lane)} == {lane}


@pytest.mark.parametrize("seed", [5, fresh()])
def test_the_same_seed_makes_the_same_bytes(seed: int) -> None:
    def history() -> list[object]:
        said: list[object] = []
        some = devices(seed, 3)
        for _ in range(6):
            for device in some:
                said += play(device, 30)
            for a, b in itertools.permutations(some, 2):
                said += (a.state_vector(), b.update_since(a.state_vector()))
                a.apply(b.update_since(a.state_vector()))
        return said

    assert history() == history(), seed


def test_a_fresh_page_has_the_same_content_under_a_new_id() -> None:
    [device] = devices(6, 1)
    play(device, 100)
    before = device.content(), device.state_hash()
    device.fresh(900)
    assert (device.content(), device.state_hash()) == before
    made = play(device, 20)
    assert {edit.client for edit, _ in made} == {900}
    assert made[0][0].clock == 0


def test_some_edits_are_taken_in_steps() -> None:
    [device] = devices(7, 1)
    assert any(len(update) >= SLOW for _, update in play(device, 3000))


def test_of_a_device_that_is_let_go_nothing_is_left() -> None:
    """A campaign's worlds would stay in memory, 9 MB each."""
    (device,) = devices(1, 1)
    play(device, 20)
    device.fresh(8)
    play(device, 20)
    watched = weakref.ref(device)
    del device
    gc.collect()
    assert watched() is None
