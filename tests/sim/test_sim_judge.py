"""The judge: each of its invariants finds what breaks it, and is silent where all is well."""

from __future__ import annotations

from itertools import count
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from motet.config import KIB
from motet.ids import RoomName, Seq
from motet.persistence import Kind, Row, Snapshot
from motet.simulation.client import Client, Surroundings
from motet.simulation.client_traits import HOCUSPOCUS_4_8, Y_WEBSOCKET_3_1
from motet.simulation.clock import Clock
from motet.simulation.device import COMMENTS, CONTENT, Device, Edit
from motet.simulation.judge import MOST_REFUSALS, Found, Judge
from motet.simulation.network import Conditions, Link, Network
from motet.simulation.people import ROLES, Desk, Issuer, Place, device_maker
from motet.simulation.rights import LINGER, Rights
from motet.simulation.timeline import Timeline
from support import wire

A, B, SIDE = "notes/a", "notes/b", "side"
HIGH_WATER = 16 * KIB
SAVED = b"\x08\x01"


def frame(payload: bytes) -> bytes:
    """A server's frame."""
    size = len(payload)
    return (bytes((0x82, size)) if size < 126 else b"\x82\x7e" + size.to_bytes(2)) + payload


class Written:
    """An edit and its bytes."""

    def __init__(self, device: Device, edit: Edit, update: bytes) -> None:
        self.device = device
        self.edit = edit
        self.update = update

    @property
    def mark(self) -> str:
        return f"<{self.edit.marks[0]}>"


class Court:
    """A judge, and people whom it knows. Users and roles are those of every world."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock)
        self.rights = Rights(ROLES)
        self.judge = Judge(self.clock, self.rights, HIGH_WATER)
        self._surroundings = Surroundings(Network(self.timeline, Random(1), self.judge), self.timeline, self.judge)
        self._issuer = Issuer(self.clock, self.rights)
        self._clients = count(1000)
        self._make = device_maker(self._clients, count(1), Random(1), self._surroundings)

    def desk(self, user: str, room: str = A, hocuspocus: bool = False) -> Desk:
        """Somebody who shows a room."""
        traits = HOCUSPOCUS_4_8 if hocuspocus else Y_WEBSOCKET_3_1
        address = f"10.0.1.{len(self.judge.desks)}"
        place, devices = Place(user, traits, (room,)), [self._make(room)]
        desk = Desk(place, address, self._issuer, self._surroundings, Random(1), devices, self._clients)
        self.judge.desks[address] = desk
        self._issuer.token(user)
        return desk

    def writes(self, desk: Desk, lane: str = CONTENT) -> Written:
        """Somebody adds something."""
        device, updates = desk.devices[0], list[bytes]()
        device.on_edit = lambda edit, update: updates.append(update)
        while True:
            edit = device.edit(lane)
            if edit is not None:
                self.judge.edited(device, edit)
                if edit.marks and b"<" in updates[-1]:
                    return Written(device, edit, updates[-1])

    def link(self, desk: Desk) -> Link:
        """A connection of theirs."""
        return Link(self.timeline, Random(1), self.judge, Conditions(), desk.address)

    def commits(self, room: str, update: bytes, author: str, seq: int = 1) -> None:
        """The store says that it keeps a row."""
        self.judge.committed([Row(RoomName(room), author, 1, Kind.UPDATE, update)], [Seq(seq)])

    def shows(self, desk: Desk, update: bytes) -> Link:
        """The server writes an update to somebody."""
        link, document = self.link(desk), desk.devices[0].room if desk.speaks_hocuspocus else None
        self.judge.wrote(link, frame(wire.sync(document, 2, update)))
        return link

    @property
    def found(self) -> list[str]:
        return self.judge.findings

    def tells(self, words: str) -> bool:
        """Something was found, once for each mark, and nothing but this."""
        return bool(self.found) and all(words in finding for finding in self.found)


@pytest.fixture
def court() -> Court:
    return Court()


def test_what_is_found_ends_the_world(court: Court) -> None:
    """With the first few findings; nothing found, nothing raised."""
    court.judge.check()
    for number in range(5):
        court.judge.finds(f"wrong {number}")
    with pytest.raises(Found, match=r"^wrong 0; wrong 1; wrong 2$"):
        court.judge.check()


# ---- who sees what


def test_what_is_rightly_written_shown_and_kept_is_no_finding(court: Court) -> None:
    """Content by an editor, comments by a commenter, to a viewer."""
    ada, cyd, dan = court.desk("ada"), court.desk("cyd"), court.desk("dan")
    for seq, (desk, lane) in enumerate(((ada, CONTENT), (ada, COMMENTS), (cyd, COMMENTS)), 1):
        written = court.writes(desk, lane)
        court.shows(dan, written.update)
        court.commits(A, written.update, desk.user, seq)
    assert court.found == []
    assert court.judge.counts["rows"] == 3


def test_who_may_not_read_is_shown_nothing(court: Court) -> None:
    """Of a room that their token is not for."""
    court.shows(court.desk("eve"), court.writes(court.desk("ada")).update)
    assert court.tells("was shown to eve, who may not read there")


def test_who_was_sent_out_is_shown_nothing_more(court: Court) -> None:
    """While it is being decided they may."""
    ada, bob = court.desk("ada"), court.desk("bob")
    court.rights.begins("bob", A, "none", court.clock.seconds)
    court.shows(bob, court.writes(ada).update)
    assert court.found == []
    court.rights.holds("bob", A, court.clock.seconds)
    court.clock.seconds += 1
    court.shows(bob, court.writes(ada).update)
    assert court.found
    assert all("was shown to bob" in finding for finding in court.found)


def test_who_shows_no_newer_token_is_shown_nothing_when_theirs_has_ended(court: Court) -> None:
    """But for the time that looking and asking takes; a clock that leapt is followed as late."""
    ada, bob = court.desk("ada"), court.desk("bob")
    written = court.writes(ada)
    court.rights.tokens_end["bob"] = court.clock.time() + 10
    court.clock.seconds += 10 + LINGER - 1
    court.shows(bob, written.update)
    assert court.found == []
    court.clock.seconds += 2
    court.shows(bob, written.update)
    assert court.tells("was shown to bob")


def test_a_clock_that_leapt_is_followed_after_a_while(court: Court) -> None:
    """Grants that ended meanwhile are looked at soon."""
    ada, bob = court.desk("ada"), court.desk("bob")
    written = court.writes(ada)
    court.rights.tokens_end["bob"] = court.clock.time() + 10
    court.clock.set_wall(86_400.0)
    court.judge.leapt(86_400.0)
    court.shows(bob, written.update)
    assert court.found == []
    court.clock.seconds += LINGER + 1
    court.shows(bob, written.update)
    assert court.tells("was shown to bob")


def test_what_somebody_may_not_write_is_shown_to_nobody(court: Court) -> None:
    """A viewer's edit, or content by a commenter."""
    court.shows(court.desk("bob"), court.writes(court.desk("dan")).update)
    assert court.tells("of dan got into notes/a: the lane content was never open to them")
    other = Court()
    other.shows(other.desk("bob"), other.writes(other.desk("cyd"), CONTENT).update)
    assert other.tells("of cyd got into notes/a")


def test_nothing_of_one_room_reaches_a_replica_of_another(court: Court) -> None:
    """Of the same user, too."""
    written = court.writes(court.desk("ada", A))
    court.judge.heard(court.desk("ada", A).devices[0], b"", written.update)
    court.judge.heard(court.desk("ada", B).devices[0], b"", None)
    assert court.found == []
    court.judge.heard(court.desk("ada", B).devices[0], b"", written.update)
    assert court.found[0] == f"{written.mark} of notes/a reached a replica of notes/b"


# ---- what is kept


def test_rows_are_numbered_without_a_gap(court: Court) -> None:
    """Neither is a number given twice."""
    ada = court.desk("ada")
    for seq in (1, 2):
        court.commits(A, court.writes(ada).update, "ada", seq)
    assert court.found == []
    court.commits(A, court.writes(ada).update, "ada", 4)
    assert court.found == ["row 4 of notes/a follows row 2"]
    court.commits(A, court.writes(ada).update, "ada", 4)
    assert court.found[1:] == ["row 4 of notes/a follows row 4"]


def test_a_row_that_was_committed_does_not_change(court: Court) -> None:
    """One that nobody heard of is taken as it is."""
    ada = court.desk("ada")
    first, second = court.writes(ada).update, court.writes(ada).update
    court.commits(A, first, "ada")
    court.judge.found(A, 1, "ada", first)
    court.judge.found(A, 2, "ada", second)
    assert (court.found, court.judge.heads[A]) == ([], 2)
    court.judge.found(A, 1, "ada", second)
    assert court.found == ["row 1 of notes/a is not what was committed"]


def test_the_log_of_a_room_has_what_was_made_there(court: Court) -> None:
    """And nothing else."""
    written = court.writes(court.desk("ada", A))
    court.commits(B, written.update, "ada")
    assert court.found[0] == f"{written.mark} is in the log of notes/b, and was not made there"


def test_the_log_has_nothing_by_somebody_who_may_not_write_it(court: Court) -> None:
    """Whoever sent it: the row's author."""
    written = court.writes(court.desk("cyd"), CONTENT)
    court.commits(A, written.update, "cyd")
    assert any("who may not write content" in finding for finding in court.found)
    assert any("got into notes/a" in finding for finding in court.found)


def test_the_author_of_a_row_is_who_sent_it(court: Court) -> None:
    """Somebody else may bring it, in answer to what the server asked for."""
    ada, bob = court.desk("ada"), court.desk("bob")
    written = court.writes(ada)
    court.judge.said(court.link(bob), wire.sync(None, 1, written.update))
    court.commits(A, written.update, "bob")
    assert court.found == []
    other = Court()
    written = other.writes(other.desk("ada"))
    other.desk("bob")
    other.commits(A, written.update, "bob")
    assert "of ada is in the log of notes/a by bob, who never sent it" in other.found[0]


def test_nothing_of_a_room_that_was_deleted_is_seen_again(court: Court) -> None:
    """And its numbers begin anew."""
    ada, burials = court.desk("ada", SIDE), list[str]()
    court.judge.on_burial = lambda: burials.append(SIDE)
    old = court.writes(ada)
    court.commits(SIDE, old.update, "ada")
    court.judge.dies(SIDE)
    court.judge.buried(SIDE)
    assert (burials, court.judge.tombstones, court.judge.dying) == ([SIDE], {SIDE}, set())
    court.judge.tombstones.discard(SIDE)
    new = court.writes(court.desk("ada", SIDE))
    court.commits(SIDE, new.update, "ada", 1)
    assert court.found == []
    court.commits(SIDE, old.update, "ada", 2)
    assert court.found[0] == f"{old.mark} is in the log of side, and was not made there"


def test_nothing_is_written_to_a_room_that_was_deleted(court: Court) -> None:
    """Until its name is given free."""
    court.judge.buried(SIDE)
    court.commits(SIDE, court.writes(court.desk("ada", SIDE)).update, "ada")
    assert court.tells("row 1 was written to side, which is deleted")


def test_a_snapshot_stands_for_rows_that_there_are(court: Court) -> None:
    """With content of its own room."""
    written = court.writes(court.desk("ada", A))
    court.commits(A, written.update, "ada")
    court.judge.compacted(RoomName(A), Snapshot(Seq(1), written.update, b"", at=1))
    assert court.found == []
    court.judge.compacted(RoomName(A), Snapshot(Seq(2), written.update, b"", at=1))
    assert court.tells("a snapshot of notes/a is at 2, and the last row is 1")
    court.found.clear()
    other = court.writes(court.desk("ada", B))
    court.judge.compacted(RoomName(A), Snapshot(Seq(1), other.update, b"", at=1))
    assert court.found[0] == f"{other.mark} of notes/b is in a snapshot of notes/a"


# ---- what is called saved


def sends(court: Court, kept: bool) -> tuple[Written, Link, bytes]:
    """A Hocuspocus client sends an update, which is kept or not; and the word that it is saved."""
    desk = court.desk("ada", hocuspocus=True)
    written, link = court.writes(desk), court.link(desk)
    court.judge.said(link, wire.sync(A, 2, written.update))
    if kept:
        court.commits(A, written.update, "ada")
    return written, link, frame(wire.message(A, SAVED))


def test_what_is_called_saved_is_on_disk(court: Court) -> None:
    """Each word is for one message."""
    _, link, saved = sends(court, kept=True)
    court.judge.wrote(link, saved)
    assert court.found == []
    other = Court()
    written, link, saved = sends(other, kept=False)
    other.judge.wrote(link, saved)
    assert other.tells(f"was told that {written.mark} in notes/a is saved: it is not on disk")


def test_one_message_is_not_called_saved_twice(court: Court) -> None:
    """The second word would be taken for the next message."""
    _, link, saved = sends(court, kept=True)
    court.judge.wrote(link, saved)
    court.judge.wrote(link, saved)
    assert court.tells("is saved: it is not on disk")


# ---- what a server owes whoever it refuses, and its own memory


def page(court: Court) -> Client:
    """Of somebody who is refused."""
    desk = court.desk("eve")
    desk.open()
    assert desk.page is not None
    return desk.page


def test_nobody_is_refused_more_often_than_they_may_in_a_minute(court: Court) -> None:
    """However stubborn they are; other ends of a connection do not count."""
    one, other = page(court), page(court)
    for _ in range(MOST_REFUSALS):
        court.judge.closed(one, 4403, "")
        court.judge.closed(one, 1006, "")
        court.judge.closed(other, 4401, "")
    court.clock.seconds += 61
    for _ in range(MOST_REFUSALS):
        court.judge.closed(one, 4403, "")
    assert court.found == []
    court.judge.closed(one, 4403, "")
    assert court.found == [f"eve at {one.owner.address} was refused {MOST_REFUSALS + 1} times within a minute"]


def test_a_server_that_was_started_may_refuse_once_more(court: Court) -> None:
    """It remembers nobody; a minute later that is no reason any more."""
    refused = page(court)
    court.judge.started()
    for _ in range(MOST_REFUSALS + 1):
        court.judge.closed(refused, 4403, "")
    assert court.found == []
    court.clock.seconds += 61
    for _ in range(MOST_REFUSALS + 1):
        court.judge.closed(refused, 4403, "")
    assert len(court.found) == 1


def test_what_waits_for_one_member_is_bounded(court: Court) -> None:
    """The high-water mark, one piece of catching up and some control messages beyond what the kernel takes."""
    link = court.link(court.desk("ada"))
    waits = HIGH_WATER
    link.far = cast("None", SimpleNamespace(get_write_buffer_size=lambda: waits))
    court.judge.wrote(link, frame(b"\x03"))
    assert court.found == []
    waits += 2 << 20
    court.judge.wrote(link, frame(b"\x03"))
    assert court.found == [f"{waits} bytes wait for 10.0.1.0"]
