"""The room as a plain object: messages in, effects out."""

from __future__ import annotations

import pytest

from motet.access import OpenAccess, built_in
from motet.crdt import Replica
from motet.errors import MotetError, OverQuota, ProtocolViolation, TryLater
from motet.ids import MemberId
from motet.presence import Roster
from motet.rooms.effects import NOTHING, Broadcast, Dismiss, Effects, Out, Persist, Send, WorkDone, WorkOn
from motet.rooms.limits import KEEP_ALIVE, PARKED, RoomLimits
from motet.rooms.member import Member
from motet.rooms.room import Room
from motet.sync import Awareness, Message, SyncStep1, SyncStep2, Update
from motet.varint import write, write_bytes

LIMITS = RoomLimits(max_update_bytes=1 << 20, max_room_bytes=4 << 20, max_members=3, behind_seconds=60.0)
NO_CHANGE = b"\0\0"
MALFORMED = b"\1\1\7\0"


def typed(client: int, clock: int, text: str) -> bytes:
    """The update of a client that types into the root "t", after what it typed before."""
    head = b"\x04\x01\x01t" if clock == 0 else b"\x84" + write(client) + write(clock - 1)
    return b"\1\1" + write(client) + write(clock) + head + write_bytes(text.encode()) + b"\0"


class Fixture:
    """A room with a clock, and people to sit in it."""

    def __init__(self, limits: RoomLimits = LIMITS) -> None:
        self.now = 1000.0
        self.room = Room(Replica(), Roster(), limits, built_in(), self.now)
        self.ids = 0

    def member(self, hocuspocus: bool = False, may_edit: bool = True) -> Member:
        self.ids += 1
        role = built_in()["editor" if may_edit else "viewer"]
        return Member(MemberId(self.ids), OpenAccess.EVERYBODY, role, may_edit, hocuspocus)

    def join(self, hocuspocus: bool = False, may_edit: bool = True) -> Member:
        member = self.member(hocuspocus, may_edit)
        self.room.join(member, self.now)
        return member

    def receive(self, member: Member, message: Message) -> Effects:
        return self.room.receive(member, message, self.now)

    def update(self, member: Member, data: bytes) -> Effects:
        return self.receive(member, Update("", data))

    def tick(self) -> Effects:
        return self.room.tick(self.now)

    def text(self) -> bytes:
        return self.room.replica.encode()


@pytest.fixture
def at() -> Fixture:
    return Fixture()


def sent(effects: Effects, out: Out) -> list[Send]:
    return [e for e in effects if isinstance(e, Send) and e.out is out]


def dismissed(effects: Effects) -> MotetError:
    (found,) = [e for e in effects if isinstance(e, Dismiss)]
    return found.error


def test_an_edit_goes_to_the_others_and_to_the_log_in_one_tick(at: Fixture) -> None:
    """[R1] The others hear it at once; the author does not hear it back."""
    ada, _ = at.join(), at.join()
    edit = typed(7, 0, "hello")
    assert at.update(ada, edit) == ()
    assert at.tick() == [Broadcast(Out.UPDATE, edit, ada), Persist([("", edit)])]


def test_a_status_follows_the_commit_and_not_the_edit(at: Fixture) -> None:
    """[R1] An acknowledgement is a promise: it waits for the disk."""
    ada = at.join(hocuspocus=True)
    at.update(ada, typed(7, 0, "a"))
    at.update(ada, typed(7, 1, "b"))
    assert not sent(at.tick(), Out.SAVED)
    assert len(sent(at.room.committed(), Out.SAVED)) == 2
    assert not at.room.committed()


def test_two_authors_of_one_tick_have_a_row_each_and_one_broadcast(at: Fixture) -> None:
    """[R10] One row per author per tick, with that author's news only."""
    ada, bob = at.join(), at.join()
    at.update(ada, typed(7, 0, "a"))
    at.update(bob, typed(8, 0, "b"))
    broadcast, persist = at.tick()
    assert isinstance(broadcast, Broadcast) and broadcast.but is None
    assert isinstance(persist, Persist)
    assert [data for _, data in persist.rows] == [typed(7, 0, "a"), typed(8, 0, "b")]


def test_a_duplicate_is_acknowledged_with_the_commit_of_the_original(at: Fixture) -> None:
    """[R11] What is repeated may not be on disk yet."""
    ada, bob = at.join(hocuspocus=True), at.join(hocuspocus=True)
    at.update(ada, typed(7, 0, "a"))
    at.tick()
    at.update(bob, typed(7, 0, "a"))
    assert at.tick() == []
    assert {send.member for send in sent(at.room.committed(), Out.SAVED)} == {ada, bob}


def test_a_duplicate_of_what_is_on_disk_is_acknowledged_at_the_tick(at: Fixture) -> None:
    """[R11] Exactly one status each, also for what adds nothing."""
    ada = at.join(hocuspocus=True)
    at.update(ada, typed(7, 0, "a"))
    at.tick()
    at.room.committed()
    at.update(ada, typed(7, 0, "a"))
    assert len(sent(at.tick(), Out.SAVED)) == 1


def test_a_yjs_member_is_asked_when_it_joins_and_answered_when_it_asks(at: Fixture) -> None:
    """[R2] A join is one step; sync step 1 gets sync step 2."""
    ada = at.member()
    assert [send.out for send in at.room.join(ada, at.now) if isinstance(send, Send)] == [Out.SYNC_STEP_1]
    assert at.receive(ada, SyncStep1("", b"\0")) == [Send(ada, Out.SYNC_STEP_2, NO_CHANGE)]


def test_a_provider_is_asked_only_in_answer_to_its_own_step_1(at: Fixture) -> None:
    """[H8] It counts the sync that it began as one unsaved change, and no other."""
    ada = at.member(hocuspocus=True)
    assert at.room.join(ada, at.now) == []
    effects = at.receive(ada, SyncStep1("", b"\0"))
    assert [e.out for e in effects if isinstance(e, Send)] == [Out.SYNC_STEP_2, Out.SYNC_STEP_1]
    at.receive(ada, SyncStep2("", NO_CHANGE))
    assert len(sent(at.tick(), Out.SAVED)) == 1


def test_a_malformed_update_changes_nothing_and_is_asked_about_once(at: Fixture) -> None:
    """[R4] The first may be an accident; after the second the member must go."""
    ada, bob = at.join(hocuspocus=True), at.join()
    at.update(bob, typed(7, 0, "a"))
    at.tick()
    before = at.text()
    first = at.update(ada, MALFORMED)
    assert [e.out for e in first if isinstance(e, Send)] == [Out.NOT_SAVED, Out.SYNC_STEP_1]
    assert dismissed(at.update(ada, MALFORMED)).code == 4400
    assert at.text() == before


def test_the_answer_to_a_question_of_ours_pays_what_was_refused(at: Fixture) -> None:
    """[R4] The provider counts the refused update for ever otherwise."""
    ada = at.join(hocuspocus=True)
    at.update(ada, MALFORMED)
    at.receive(ada, SyncStep2("", typed(7, 0, "a")))
    at.tick()
    assert len(sent(at.room.committed(), Out.SAVED)) == 1


def test_an_early_update_is_acknowledged_when_what_it_needs_has_come(at: Fixture) -> None:
    """[R5] Parked is neither lost nor acknowledged."""
    ada, bob = at.join(hocuspocus=True), at.join()
    at.update(ada, typed(7, 1, "b"))
    assert at.tick() == []
    at.update(bob, typed(7, 0, "a"))
    _, persist = at.tick()
    assert isinstance(persist, Persist) and len(persist.rows) == 2
    assert [send.member for send in sent(at.room.committed(), Out.SAVED)] == [ada]


def test_what_stays_parked_is_asked_for_and_then_its_author_must_go(at: Fixture) -> None:
    """[R5] A dropped update poisons its client: silence would never end."""
    ada = at.join()
    at.update(ada, typed(7, 1, "b"))
    assert not sent(at.room.wake(at.now), Out.SYNC_STEP_1)
    at.now += PARKED + 0.1
    assert sent(at.room.wake(at.now), Out.SYNC_STEP_1)
    at.now += PARKED + 0.1
    assert dismissed(at.room.wake(at.now)).code == 4400


def test_nothing_is_taken_while_the_store_fails_and_all_is_asked_for_when_it_is_back(at: Fixture) -> None:
    """[R6] No acknowledgement, no loss: what was on its way is owed, and paid by the next sync."""
    ada = at.join(hocuspocus=True)
    at.update(ada, typed(7, 0, "a"))
    at.tick()
    at.room.suspend()
    assert not at.room.committed()
    at.update(ada, typed(7, 1, "b"))
    assert at.tick() == ()
    assert sent(at.room.resume(Replica()), Out.SYNC_STEP_1)
    at.receive(ada, SyncStep2("", typed(7, 0, "ab")))
    assert any(isinstance(e, Persist) for e in at.tick())
    assert len(sent(at.room.committed(), Out.SAVED)) == 2


def test_everybody_hears_something_every_fifteen_seconds(at: Fixture) -> None:
    """[R7] Clients hang up after 30 s without a message of the application."""
    at.join()
    at.now += KEEP_ALIVE
    (effect,) = at.room.wake(at.now)
    assert effect == Broadcast(Out.AWARENESS, b"\0", None)
    assert at.room.wake(at.now) == []


@pytest.mark.parametrize("step2", [False, True])
def test_an_update_over_its_limit_is_refused_by_name(step2: bool) -> None:
    """[R8] 4413, which no client takes for a reason to upload again."""
    limits = RoomLimits(max_update_bytes=50_000, max_room_bytes=60_000, max_members=3, behind_seconds=60.0)
    at = Fixture(limits)
    ada = at.join()
    data = typed(7, 0, "x" * 70_000)
    error = dismissed(at.receive(ada, SyncStep2("", data) if step2 else Update("", data)))
    assert isinstance(error, OverQuota) and error.code == 4413
    assert ("max_room_bytes" if step2 else "max_update_bytes") in str(error)


def test_a_full_room_says_try_later(at: Fixture) -> None:
    """[R8] Limits have names."""
    for _ in range(3):
        at.join()
    with pytest.raises(TryLater, match="max_members_per_room"):
        at.join()


def test_a_large_update_is_taken_in_steps_while_its_author_is_not_read(at: Fixture) -> None:
    """[R12] Other rooms are not kept waiting by a pasted book."""
    ada, bob = at.join(hocuspocus=True), at.join()
    book = typed(7, 0, "lorem ipsum " * 10_000)
    assert at.update(ada, book) == [WorkOn(ada)]
    at.update(bob, typed(8, 0, "meanwhile"))
    effects: list[object] = []
    more = True
    while more:
        some, more = at.room.work()
        effects += some
    assert effects == [WorkDone(ada)]
    assert any(isinstance(e, Persist) for e in at.tick())
    assert len(sent(at.room.committed(), Out.SAVED)) == 1


def test_a_viewers_edit_reaches_nobody_and_no_log(at: Fixture) -> None:
    """[R13] Refused, and told why, once."""
    viewer = at.join(hocuspocus=True, may_edit=False)
    first = at.update(viewer, typed(7, 0, "a"))
    assert [e.out for e in first if isinstance(e, Send)] == [Out.NOT_SAVED, Out.DENIED]
    second = at.update(viewer, typed(7, 1, "b"))
    assert [e.out for e in second if isinstance(e, Send)] == [Out.NOT_SAVED]
    assert at.tick() == []
    at.receive(viewer, SyncStep1("", b"\0"))
    at.receive(viewer, SyncStep2("", NO_CHANGE))
    assert len(sent(at.tick(), Out.SAVED)) == 1


def test_what_was_refused_and_is_allowed_later_is_saved_for_each_edit(at: Fixture) -> None:
    """[X2] A provider counts each edit as unsaved until it hears of it: the answer to our question pays for all."""
    viewer = at.join(hocuspocus=True, may_edit=False)
    for clock, letter in enumerate("abc"):
        at.update(viewer, typed(7, clock, letter))
    assert sent(at.room.set_role(viewer, built_in()["editor"], at.now), Out.SYNC_STEP_1)
    at.receive(viewer, SyncStep2("", typed(7, 0, "abc")))
    assert not sent(at.tick(), Out.SAVED)
    assert len(sent(at.room.committed(), Out.SAVED)) == 3


def test_who_begins_to_sync_anew_is_paid_nothing_for_what_was_refused(at: Fixture) -> None:
    """[H8] One status, as its count is one."""
    viewer = at.join(hocuspocus=True, may_edit=False)
    at.update(viewer, typed(7, 0, "a"))
    at.receive(viewer, SyncStep1("", b"\0"))
    at.room.set_role(viewer, built_in()["editor"], at.now)
    for _ in "two questions":
        at.receive(viewer, SyncStep2("", typed(7, 0, "a")))
    at.tick()
    assert len(sent(at.room.committed(), Out.SAVED)) == 1


def test_an_answer_that_never_comes_costs_no_status(at: Fixture) -> None:
    """[H8] A provider that had left when it was asked comes back with a sync of its own."""
    ada = at.join(hocuspocus=True)
    assert sent([at.room.ask(ada)], Out.SYNC_STEP_1)
    at.receive(ada, SyncStep1("", b"\0"))
    at.receive(ada, SyncStep2("", NO_CHANGE))
    assert len(sent(at.tick(), Out.SAVED)) == 1


def test_a_state_vector_that_cannot_be_read_is_a_violation(at: Fixture) -> None:
    """[R4] It costs its sender the connection."""
    ada = at.join()
    with pytest.raises(ProtocolViolation):
        at.receive(ada, SyncStep1("", b"\xff\xff"))


def test_presence_of_one_reaches_the_others_and_the_newcomer(at: Fixture) -> None:
    """[A10] A newcomer gets the whole roster in its join."""
    ada = at.join()
    state = b'{"user":{"name":"Ada"}}'
    at.receive(ada, Awareness("", b"\1\7\1" + write_bytes(state)))
    (effect,) = at.room.presence(at.now)
    assert isinstance(effect, Broadcast) and state in effect.data
    joined = at.room.join(at.member(), at.now)
    (roster,) = sent(joined, Out.AWARENESS)
    assert state in roster.data


def test_a_provider_that_begins_to_sync_anew_has_forgotten_what_it_counted(at: Fixture) -> None:
    """[H8] Its count is one again: a status for what it sent before would make it say "saved" too early."""
    ada = at.join(hocuspocus=True)
    at.update(ada, typed(7, 0, "a"))
    at.tick()
    at.update(ada, typed(7, 1, "b"))
    at.receive(ada, SyncStep1("", b"\0"))
    at.receive(ada, SyncStep1("", b"\0"))
    assert not sent([*at.tick(), *at.room.committed(), *at.room.committed()], Out.SAVED)
    at.receive(ada, SyncStep2("", NO_CHANGE))
    assert len(sent(at.tick(), Out.SAVED)) == 1
    at.receive(ada, SyncStep2("", NO_CHANGE))
    assert not sent(at.tick(), Out.SAVED)


def test_a_provider_that_sends_its_queue_after_it_began_to_sync_is_told_once(at: Fixture) -> None:
    """[H8] What is older than the sync it counts no more; what it typed since, it does. A bare delete may be either."""
    ada = at.join(hocuspocus=True)
    at.receive(ada, SyncStep1("", b"\1\7\2"))
    for queued in (typed(7, 0, "a"), typed(7, 1, "b"), b"\0\1\7\1\0\1"):
        at.update(ada, queued)
    at.tick()
    assert not sent(at.room.committed(), Out.SAVED)
    at.update(ada, typed(7, 2, "c"))
    at.tick()
    assert len(sent(at.room.committed(), Out.SAVED)) == 1
    at.receive(ada, SyncStep2("", NO_CHANGE))
    assert len(sent(at.tick(), Out.SAVED)) == 1
    at.update(ada, b"\0\1\7\1\1\1")
    at.tick()
    assert len(sent(at.room.committed(), Out.SAVED)) == 1


def test_what_was_dropped_in_part_is_forgotten_with_its_author(at: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """[R5] [R10] No ticket tells of the part that found room to wait: it would come in the name of nobody."""
    monkeypatch.setattr("motet.crdt.replica.gate.MAX_WAITING", 1_000)
    ada, bob = at.join(), at.join()
    small, large = typed(8, 1, "late")[1:-1], typed(9, 1, "x" * 800)[1:-1]
    assert at.update(ada, b"\2" + large + small + b"\0") != NOTHING
    assert at.room.replica.waiting_bytes
    at.room.leave(ada, at.now, clean=True)
    at.tick()
    assert not at.room.replica.waiting_bytes
    at.update(bob, typed(8, 0, "a"))
    _, persist = at.tick()
    assert persist == Persist([("", typed(8, 0, "a"))])
