"""Rooms under changing grants, by random walks: whatever happens in whatever order, nobody writes what they may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rooms_access_walk import walk

from motet.access import Access, Grant, Role
from motet.crdt import Replica
from motet.ids import RoomName
from motet.rooms import HocuspocusConnection, Served
from motet.rooms.effects import NOTHING, Effects, Out, Send
from motet.rooms.member import Member
from motet.rooms.room import Room
from motet.rooms.taking import Taking
from support import seeds


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motet.rooms.keeper.SWEEP", 0.0)
    monkeypatch.setattr("motet.persistence.journal.GATHER", 0.0)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_nobody_writes_or_hears_what_they_may_not(first: int) -> None:
    """[X1] [X2] [X3] [X6] [X7] [X42] [X43] [X44] [X46] Schedules that are always the same."""
    for seed in range(first, first + 20):
        walk(seed)


@pytest.mark.parametrize("seed", [111114393, 311111415, 411115590])
def test_what_waits_for_a_room_to_open_is_for_whatever_room_that_is(seed: int) -> None:
    """[X43] [X56] The name was deleted and given free in between; the edits had never been in the deleted room."""
    walk(seed)


def test_a_grant_that_ends_within_a_millisecond_of_the_sweep_has_ended() -> None:
    """[X6]"""
    walk(411112927)


def test_nobody_writes_or_hears_what_they_may_not_in_schedules_never_seen() -> None:
    """[X1] [X2] [X3] The same, with fresh seeds."""
    first = seeds.fresh()
    for seed in range(first, first + 60):
        walk(seed)


@pytest.mark.long
def test_nobody_writes_or_hears_what_they_may_not_for_long() -> None:
    """[X1] [X2] [X3] Thousands of them."""
    first = seeds.fresh() + 1_000_000
    for seed in range(first, first + 5_000):
        walk(seed)


# ---- the model itself: faults that it must find


def nothing(*_: object, **__: object) -> object:
    return NOTHING


def skips_disown(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Room, "disown", nothing)


def skips_recheck(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Served, "recheck", nothing)


def believes_answers(patch: pytest.MonkeyPatch) -> None:
    take = Taking.step2

    def step2(self: Taking, member: Member, data: bytes) -> Effects:
        restricted, member.writes_all = member.writes_all, True
        try:
            return take(self, member, data)
        finally:
            member.writes_all = restricted

    patch.setattr(Taking, "step2", step2)


def keeps_the_role_of_the_first_look(patch: pytest.MonkeyPatch) -> None:
    judge, known = Access.role, dict[tuple[str, RoomName], Role]()

    def role(self: Access, grant: Grant, room: RoomName) -> Role:
        return known.setdefault((grant.token_id, room), judge(self, grant, room))

    patch.setattr(Access, "role", role)


def forgets_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Replica, "forget", nothing)


def finishes_large_updates(patch: pytest.MonkeyPatch) -> None:
    def forget(self: Taking, member: Member) -> Effects:
        self.replica.forget(member.id)
        member.owed += sum(parked.statuses for parked in member.parked.values())
        member.parked.clear()
        return NOTHING

    patch.setattr(Taking, "forget", forget)


def asks_nobody_who_may_more(patch: pytest.MonkeyPatch) -> None:
    change = Taking.change_role

    def change_role(self: Taking, member: Member, role: Role) -> Effects:
        return [e for e in change(self, member, role) if not isinstance(e, Send)]

    patch.setattr(Taking, "change_role", change_role)


def says_saved_too_early(patch: pytest.MonkeyPatch) -> None:
    tick = Room.tick

    def early(self: Room, now: float) -> Effects:
        told = [Send(member, Out.SAVED, b"") for member in self.statuses.due]
        self.statuses.due = []
        return [*tick(self, now), *told]

    patch.setattr(Room, "tick", early)


def forgets_names(patch: pytest.MonkeyPatch) -> None:
    leave = Room.leave

    def nameless(self: Room, member: Member, now: float, clean: bool) -> None:
        leave(self, member, now, clean)
        self._users.pop(member.id, None)

    patch.setattr(Room, "leave", nameless)


def lets_expired_providers_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HocuspocusConnection, "expired", nothing)


FAULTS = {
    skips_disown: "might not write",
    skips_recheck: "without the right|and should be",
    believes_answers: "might not write",
    keeps_the_role_of_the_first_look: "without the right|and should be",
    forgets_nothing: "might not write",
    finishes_large_updates: "might not write",
    asks_nobody_who_may_more: "is lost",
    says_saved_too_early: "said to be saved",
    forgets_names: "a row by ''",
    lets_expired_providers_stay: "long after the end",
}
"""Each fault, and what the judge says of it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_the_model_finds_a_planted_fault(fault: Callable[[pytest.MonkeyPatch], None]) -> None:
    """[X1] [X2] [X3] [X42] A model that finds nothing shows nothing."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(AssertionError, match=FAULTS[fault]):
        fault(patch)
        for seed in range(400):
            walk(seed)
