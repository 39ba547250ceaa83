"""Planted bugs of sharing: what members get of each other's edits, and what is taken of theirs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from planted import Plant

from motet.crdt import DROPPED
from motet.crdt.replica.assemble import Cut, assemble, encode_dead
from motet.crdt.replica.news import Ledger
from motet.crdt.replica.store import Store
from motet.ids import MemberId
from motet.rooms import Hub
from motet.rooms.catchup import CatchUp
from motet.rooms.connection import Connection
from motet.rooms.connection_hocuspocus import HocuspocusConnection
from motet.rooms.effects import NOTHING, Broadcast, Effect, Effects
from motet.rooms.member import Member
from motet.rooms.room import Room
from motet.rooms.statuses import Statuses
from motet.rooms.taking import Taking


def forgets_who_was_behind(patch: pytest.MonkeyPatch) -> None:
    """Whoever was behind gets no catch-up: the frames that were held back are lost."""

    def follows(self: CatchUp, member: Member, now: float) -> list[Effect]:
        member.behind_since, member.chunks, member.answer_due = 0.0, None, False
        return []

    patch.setattr(CatchUp, "go_on", follows)


def catches_up_from_now(patch: pytest.MonkeyPatch) -> None:
    """The catch-up of a slow member begins at what is there when it can go on."""
    go_on = CatchUp.go_on

    def late(self: CatchUp, member: Member, now: float) -> list[Effect]:
        if member.chunks is None and not member.answer_due:
            member.have = self.replica.state_vector()
        return go_on(self, member, now)

    patch.setattr(CatchUp, "go_on", late)


def ignores_congestion(patch: pytest.MonkeyPatch) -> None:
    """Members that do not read are written to without bound."""
    patch.setattr(Connection, "congested", lambda self: None)


def spares_the_wrong_member(patch: pytest.MonkeyPatch) -> None:
    """A broadcast leaves out the member that came before its author."""
    tick = Room.tick

    def wrong(self: Room, now: float) -> Effects:
        return [
            e._replace(but=self.members.get(MemberId(e.but.id - 1), e.but)) if isinstance(e, Broadcast) and e.but else e
            for e in tick(self, now)
        ]

    patch.setattr(Room, "tick", wrong)


def spares_the_first_of_several_authors(patch: pytest.MonkeyPatch) -> None:
    """A broadcast of several authors' edits leaves out the first of them."""
    tick = Room.tick

    def wrong(self: Room, now: float) -> Effects:
        authors: list[int] = []
        replica = self.replica
        news = replica.news()
        if news is None:
            return tick(self, now)
        authors = [who for who, _ in news.authors]
        with pytest.MonkeyPatch.context() as once:
            once.setattr(type(replica), "news", lambda self: news)
            effects = tick(self, now)
        first = self.members.get(MemberId(authors[0])) if authors else None
        return [e._replace(but=first) if isinstance(e, Broadcast) else e for e in effects]

    patch.setattr(Room, "tick", wrong)


def diffs_without_deletes(patch: pytest.MonkeyPatch) -> None:
    """The answer to a sync step 1 holds no delete set."""

    def undead(self: Store, have: Mapping[int, int]) -> bytes:
        cuts = {}
        for client, lane in self.lanes.items():
            clock = have.get(client, 0)
            if clock < lane.end:
                cuts[client] = [Cut(clock, lane.end, *lane.cut(clock, lane.end))]
        return assemble(cuts, encode_dead({}))

    patch.setattr(Store, "diff", undead)


def merges_without_deletes(patch: pytest.MonkeyPatch) -> None:
    """The merged update of several edits holds no delete set."""
    patch.setattr(Ledger, "deleted", lambda self, author, client, ranges: None)


def drops_what_waits(patch: pytest.MonkeyPatch) -> None:
    """An update whose causes are not here yet is dropped, and nobody is asked for it again."""
    parked = Taking._parked

    def dropped(self: Taking, member: Member, ticket: int, statuses: int) -> Effects:
        if ticket == DROPPED:
            return parked(self, member, ticket, statuses)
        self.replica.forget(member.id)
        return NOTHING

    patch.setattr(Taking, "_parked", dropped)


def keeps_no_repeats_status(patch: pytest.MonkeyPatch) -> None:
    """Edits that add nothing are never said to be saved."""

    def nobody(self: Statuses) -> list[Member]:
        self.due = []
        return []

    patch.setattr(Statuses, "repeat", nobody)


def gives_ids_again(patch: pytest.MonkeyPatch) -> None:
    """A new member gets the number of members as its id, which somebody else may have."""
    patch.setattr(
        Hub, "member_id", lambda self: MemberId(1 + sum(len(served.seats) for served in self.served.values()))
    )


def forgets_what_came_early(patch: pytest.MonkeyPatch) -> None:
    """What a Hocuspocus client sends before its document is open is dropped."""
    hold = HocuspocusConnection._hold

    def opening_only(self: HocuspocusConnection, document: object, message: object) -> None:
        if not getattr(document, "held", None):
            hold(self, document, message)  # type: ignore[arg-type]

    patch.setattr(HocuspocusConnection, "_hold", opening_only)


PLANTS: tuple[Plant, ...] = (
    forgets_who_was_behind,
    catches_up_from_now,
    ignores_congestion,
    spares_the_wrong_member,
    spares_the_first_of_several_authors,
    diffs_without_deletes,
    merges_without_deletes,
    drops_what_waits,
    keeps_no_repeats_status,
    gives_ids_again,
    forgets_what_came_early,
)
