"""Members that do not follow: behind, then a catch-up in chunks."""

from __future__ import annotations

from motet.access import OpenAccess, built_in
from motet.crdt import Replica
from motet.ids import MemberId
from motet.presence import Roster
from motet.rooms.catchup import CHUNK, SHARED
from motet.rooms.effects import Effects, Out, Send
from motet.rooms.limits import RoomLimits
from motet.rooms.member import Member
from motet.rooms.room import Room
from motet.sync import SyncStep1, Update
from motet.varint import write, write_bytes

LIMITS = RoomLimits(max_update_bytes=16 << 20, max_room_bytes=64 << 20, max_members=200, behind_seconds=60.0)

EDITOR = built_in()["editor"]


def block(client: int, size: int) -> bytes:
    """An update that puts so much text at the start of the root "t"."""
    return b"\1\1" + write(client) + b"\0\x04\x01\x01t" + write_bytes(b"x" * size) + b"\0"


def room_of(size: int, clients: int) -> tuple[Room, Member]:
    room = Room(Replica(), Roster(), LIMITS, built_in(), 0.0)
    writer = Member(MemberId(1), OpenAccess.EVERYBODY, EDITOR, True, False)
    room.join(writer, 0.0)
    grow(room, writer, range(1, clients + 1), size // clients)
    return room, writer


def grow(room: Room, writer: Member, clients: range, size: int) -> None:
    for client in clients:
        room.receive(writer, Update("", block(client, size)), 0.0)
        more = True
        while more:
            _, more = room.work()
    ticked(room, 0.0)


def ticked(room: Room, now: float) -> None:
    """A tick, carried out."""
    room.tick(now)
    room.written(now)


def reader(room: Room) -> Member:
    member = Member(MemberId(2 + len(room.members)), OpenAccess.EVERYBODY, EDITOR, True, False)
    room.join(member, 0.0)
    return member


def updates(effects: Effects) -> list[Send]:
    return [e for e in effects if isinstance(e, Send) and e.out in (Out.UPDATE, Out.SYNC_STEP_2)]


def test_a_slow_member_gets_chunks_and_ends_with_everything() -> None:
    """[R9] Each chunk is at most 1 MiB, the next when the last has drained, and the last makes it current."""
    room, writer = room_of(200_000, 2)
    slow = reader(room)
    had = room.replica.encode()
    room.congested(slow, 1.0)
    grow(room, writer, range(100, 140), 150_000)
    replica = Replica()
    replica.take(had, 0)
    rounds = 0
    while slow.is_behind():
        for send in updates(room.drained(slow, 2.0)):
            assert len(send.data) <= CHUNK + 200_000
            assert replica.take(send.data, 0) == 0
        rounds += 1
    assert rounds > 4
    assert replica.encode() == room.replica.encode()


def test_what_is_taken_in_the_very_tick_of_congestion_is_not_lost() -> None:
    """[R9] Behind begins after the broadcast of what was taken before: when that is written, not when it is made."""
    room, writer = room_of(1000, 1)
    slow = reader(room)
    room.receive(writer, Update("", block(50, 100)), 1.0)
    room.congested(slow, 1.0)
    room.tick(1.0)
    assert not slow.is_behind()
    room.written(1.0)
    assert slow.is_behind()
    room.receive(writer, Update("", block(51, 100)), 1.0)
    ticked(room, 1.0)
    (send,) = updates(room.drained(slow, 2.0))
    assert b"x" * 100 in send.data and not slow.is_behind()


def test_whose_buffer_overflows_while_a_tick_is_written_gets_the_rest_of_it() -> None:
    """[R9] A socket with two seats in the room, or with another room on it, which has filled the buffer."""
    room, writer = room_of(1000, 1)
    slow = reader(room)
    room.receive(writer, Update("", block(50, 100)), 1.0)
    room.tick(1.0)
    room.congested(slow, 1.0)
    assert not slow.is_behind()
    room.written(1.0)
    assert slow.is_behind()


def test_a_member_that_drains_before_the_tick_was_never_behind() -> None:
    """[R9] A short stall costs nothing."""
    room, writer = room_of(1000, 1)
    slow = reader(room)
    room.receive(writer, Update("", block(50, 100)), 1.0)
    room.congested(slow, 1.0)
    assert room.drained(slow, 1.0) == ()
    ticked(room, 1.0)
    assert not slow.is_behind()


def test_a_question_of_a_slow_member_is_answered_when_it_has_drained() -> None:
    """[R9] One sync answer is outstanding per member."""
    room, _ = room_of(1000, 1)
    slow = reader(room)
    room.congested(slow, 1.0)
    assert room.receive(slow, SyncStep1("", b"\0"), 1.0) == []
    (send,) = updates(room.drained(slow, 2.0))
    assert send.out is Out.SYNC_STEP_2


def test_all_who_join_together_share_one_answer() -> None:
    """[R2] One hundred joins of a large document cost one encoding."""
    room, writer = room_of(4 * SHARED, 2)
    first = updates(room.receive(reader(room), SyncStep1("", b"\0"), 1.0))
    second = updates(room.receive(reader(room), SyncStep1("", b"\0"), 1.0))
    assert first[0].data is second[0].data
    room.receive(writer, Update("", block(90, 10)), 1.0)
    ticked(room, 1.0)
    shared, tail = updates(room.receive(reader(room), SyncStep1("", b"\0"), 1.0))
    assert shared.data is first[0].data
    replica = Replica()
    replica.take(shared.data, 0)
    replica.take(tail.data, 0)
    assert replica.encode() == room.replica.encode()
    room.wake(100.0)
    assert room.catch_up.shared is None


def test_a_member_that_takes_nothing_is_sent_away() -> None:
    """[R9] 1013 past the limit."""
    room, _ = room_of(1000, 1)
    slow = reader(room)
    room.congested(slow, 1.0)
    (effect,) = [e for e in room.wake(62.0) if not hasattr(e, "out")]
    assert effect.error.code == 1013  # type: ignore[union-attr]
