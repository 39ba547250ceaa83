"""What a room takes of members who may not write all of it, and what becomes of that when their rights change."""

from __future__ import annotations

import pytest
from rooms_typist import Typist, deleting

from motet.access import PRESENCE, Grant, Role, Roles
from motet.crdt import Replica
from motet.errors import MotetError, ProtocolViolation
from motet.ids import MemberId, UserId
from motet.presence import Roster
from motet.rooms.effects import Broadcast, Dismiss, Effect, Effects, Out, Persist, Send, WorkDone, WorkOn
from motet.rooms.limits import PARKED, RoomLimits
from motet.rooms.member import Member
from motet.rooms.room import Room
from motet.sync import Awareness, BroadcastStateless, SyncStep1, SyncStep2, Update
from motet.varint import write_bytes

ROLES = Roles(
    {"moderator": ("comments", "notes"), "ghost": ("content", "comments", "notes"), "reader": ()},
    {"comments": ("comments", "threads"), "notes": ("notes",)},
)
BOOK = "lorem ipsum " * 10_000
NO_CHANGE = b"\0\0"


class At:
    """A room with a clock, and people to sit in it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.room = Room(Replica(), Roster(), RoomLimits(1 << 20, 4 << 20, 10, 60.0), ROLES, self.now)
        self.ids = 0
        self.log: list[tuple[str, bytes]] = []

    def join(self, role: str, user: str = "", hocuspocus: bool = True) -> Member:
        self.ids += 1
        grant = Grant(UserId(user or f"user{self.ids}"))
        member = Member(MemberId(self.ids), grant, ROLES[role], ROLES.writes_all(ROLES[role]), hocuspocus)
        self.room.join(member, self.now)
        return member

    def update(self, member: Member, data: bytes) -> list[Effect]:
        return list(self.room.receive(member, Update("", data), self.now))

    def answer(self, member: Member, data: bytes) -> list[Effect]:
        return list(self.room.receive(member, SyncStep2("", data), self.now))

    def step1(self, member: Member) -> list[Effect]:
        return list(self.room.receive(member, SyncStep1("", b"\0"), self.now))

    def set_role(self, member: Member, role: str) -> list[Effect]:
        return list(self.room.set_role(member, ROLES[role], self.now))

    def work(self) -> list[Effect]:
        """Takes what is being taken in steps."""
        effects: list[Effect] = []
        more = self.room.has_long_takes
        while more:
            some, more = self.room.work()
            effects += some
        return effects

    def tick(self) -> list[Effect]:
        """A tick, and the commit of what it writes."""
        effects = list(self.room.tick(self.now))
        for effect in list(effects):
            if isinstance(effect, Persist):
                self.log += effect.rows
                effects += self.room.committed()
        return effects

    def has(self, text: str) -> bool:
        return text.encode() in self.room.replica.encode()


@pytest.fixture
def at() -> At:
    return At()


def outs(effects: Effects) -> list[Out]:
    """What is sent."""
    return [effect.out for effect in effects if isinstance(effect, Send)]


def reasons(effects: Effects) -> list[str]:
    """What somebody is told about refusals."""
    return [effect.data.decode() for effect in effects if isinstance(effect, Send) and effect.out is Out.DENIED]


def dismissed(effects: Effects) -> list[MotetError]:
    return [effect.error for effect in effects if isinstance(effect, Dismiss)]


# ---- lanes


def test_a_commenter_comments(at: At) -> None:
    """[X1] The update touches its lane only: it is taken, broadcast, written in its name, and saved."""
    ada, _ = at.join("commenter", "ada"), at.join("viewer")
    assert at.update(ada, Typist(7).types("hello", "comments")) == []
    effects = at.tick()
    assert any(isinstance(e, Broadcast) and e.out is Out.UPDATE for e in effects)
    assert [user for user, _ in at.log] == ["ada"]
    assert outs(effects) == [Out.SAVED]


@pytest.mark.parametrize("role", ["viewer", "commenter", "moderator", "reader"])
def test_who_may_not_write_the_content_is_told_so_once_by_the_lanes_name(at: At, role: str) -> None:
    """[X1] [R13] Nothing of it is taken; each update has its own status."""
    ada, typist = at.join(role), Typist(7)
    first, second = (at.update(ada, typist.types(word, "content")) for word in ("one", "two"))
    assert outs(first) == [Out.NOT_SAVED, Out.DENIED]
    assert reasons(first) == [f"a {role} may not write the lane content"]
    assert outs(second) == [Out.NOT_SAVED]
    assert at.tick() == [] and not at.log and not at.has("one")


def test_a_root_that_no_lane_names_is_content(at: At) -> None:
    """[X1]"""
    ada = at.join("commenter")
    assert reasons(at.update(ada, Typist(7).types("x", "elsewhere"))) == ["a commenter may not write the lane content"]
    assert not at.update(ada, Typist(8).types("x", "threads"))


def test_an_update_with_one_part_that_may_not_be_is_refused_whole(at: At) -> None:
    """[X1] There is no half of a transaction."""
    ada, typist = at.join("commenter"), Typist(7)
    assert outs(at.update(ada, typist.types_both("mine", "comments", "not mine", "content")))[0] is Out.NOT_SAVED
    assert at.tick() == [] and not at.has("mine")


def test_every_lane_is_its_own(at: At) -> None:
    """[X1] Roles of one's own, lanes of one's own."""
    ada = at.join("moderator")
    typist = Typist(7)
    assert not at.update(ada, typist.types("a", "notes")) and not at.update(ada, typist.types("b", "threads"))
    both = typist.types_both("c", "content", "d", "notes")
    assert reasons(at.update(ada, both)) == ["a moderator may not write the lane content"]
    viewer = at.join("viewer")
    both = Typist(8).types_both("c", "content", "d", "notes")
    assert reasons(at.update(viewer, both)) == ["a viewer may not write the lane content, notes"]


@pytest.mark.parametrize("large", [False, True])
def test_deletes_of_content_are_refused_and_those_of_comments_taken(at: At, large: bool) -> None:
    """[X1] In an update every delete counts."""
    editor, commenter = at.join("editor"), at.join("commenter")
    at.update(editor, Typist(7).types("content", "content"))
    at.update(editor, Typist(8).types("comment", "comments"))
    at.tick()
    at.update(commenter, deleting(8, 0, 3))
    assert at.log and len(at.log) == 1 and at.tick() and len(at.log) == 2
    effects = at.update(commenter, Typist(9).types(BOOK, "comments", deletes=(7, 0, 2)) if large else deleting(7, 0, 2))
    effects += at.work()
    assert [out for out in outs(effects) if out is not Out.SYNC_STEP_1] == [Out.NOT_SAVED, Out.DENIED]
    assert at.tick() == [] and len(at.log) == 2


# ---- sync step 2


def test_a_viewers_answer_that_adds_nothing_is_saved(at: At) -> None:
    """[X1] [R11] It repeats what it has, deletes too."""
    editor, viewer = at.join("editor"), at.join("viewer")
    at.update(editor, Typist(7).types("content", "content"))
    at.update(editor, deleting(7, 0, 2))
    at.tick()
    at.step1(viewer)
    assert at.answer(viewer, deleting(7, 0, 2)) == []
    assert outs(at.tick()) == [Out.SAVED]
    assert len(at.log) == 1


def test_a_viewers_answer_that_adds_something_is_not(at: At) -> None:
    """[X1] [H7] One status, and the reason."""
    viewer = at.join("viewer")
    at.step1(viewer)
    assert outs(at.answer(viewer, Typist(7).types("x", "content"))) == [Out.NOT_SAVED, Out.DENIED]
    assert at.tick() == []


def test_implicit_deletes_in_an_answer_are_left_out_and_no_violation(at: At) -> None:
    """[X41] A client that lost a race for a map's key says so in an answer only; in an update the delete is its own."""
    editor, viewer, ada = at.join("editor"), at.join("viewer"), at.join("commenter")
    at.update(editor, Typist(7).types("content", "content"))
    at.tick()
    at.step1(viewer)
    assert at.answer(viewer, deleting(7, 0, 2)) == []
    assert outs(at.tick()) == [Out.SAVED]
    at.step1(ada)
    assert at.answer(ada, Typist(8).types("comment", "comments", deletes=(7, 0, 2))) == []
    at.tick()
    assert at.has("comment") and at.has("content")
    assert outs(at.update(ada, deleting(7, 0, 2))) == [Out.NOT_SAVED, Out.DENIED]
    assert at.tick() == []


def test_ids_of_a_client_that_another_user_shows_are_not_written(at: At) -> None:
    """[X41] They would be in the way of that client's next edit, which would be taken for known and lost."""
    editor, ada = at.join("editor", "eve"), at.join("commenter", "ada")
    state = b'{"user":{}}'
    at.room.receive(editor, Awareness("", b"\1\x07\1" + write_bytes(state)), at.now)
    assert outs(at.update(ada, Typist(7).types("mine", "comments"))) == [Out.NOT_SAVED, Out.DENIED]
    assert outs(at.update(ada, b"\1\1\7\0\0\4\0")) == [Out.NOT_SAVED]  # GC, which lies in no lane
    assert at.tick() == []
    assert at.update(ada, Typist(8).types("mine", "comments")) == []


# ---- refused edits poison what follows


def test_what_follows_a_refused_edit_is_refused_quietly(at: At) -> None:
    """[X1] [R13] Each has a status, none a word more, and nobody is sent away for it."""
    ada, typist = at.join("commenter"), Typist(7)
    at.update(ada, typist.types("refused", "content"))
    for n in range(20):
        assert outs(at.update(ada, typist.types(f"later {n}", "comments"))) == [Out.NOT_SAVED]
    assert at.tick() == []


def test_what_lacks_its_causes_is_asked_for_once_and_its_author_stays_until_it_answers(at: At) -> None:
    """[X45] Of a member who may not write all, nothing waits whose place is not known. What is typed meanwhile follows
    it: the answer that is on its way has all of it."""
    ada, typist = at.join("commenter"), Typist(7)
    first = typist.types("first", "comments")
    assert outs(at.update(ada, typist.types("second", "comments"))) == [Out.SYNC_STEP_1]
    assert at.update(ada, typist.types("third", "comments")) == []
    assert first and at.answer(ada, typist.everything()) == []
    assert outs(at.tick()) == [Out.SAVED] * 2
    assert at.has("third")
    assert outs(at.update(ada, Typist(8, clock=3).types("early", "comments"))) == [Out.SYNC_STEP_1]


def test_what_its_author_cannot_explain_ends_it(at: At) -> None:
    """[X45] [R5] The answer came, and refers to what was never sent."""
    ada = at.join("commenter")
    early = Typist(8, clock=3).types("early", "comments")
    at.update(ada, early)
    (error,) = dismissed(at.answer(ada, early))
    assert isinstance(error, ProtocolViolation)


def test_whoever_may_write_more_while_typing_stays(at: At) -> None:
    """[X2] [X45] What is on its way was typed after what had been refused."""
    ada, typist = at.join("viewer"), Typist(7)
    at.update(ada, typist.types("refused;", "comments"))
    assert outs(at.set_role(ada, "commenter")) == [Out.SYNC_STEP_1]
    for n in range(3):
        assert not dismissed(at.update(ada, typist.types(f"typed {n};", "comments")))
    assert not dismissed(at.answer(ada, typist.everything()))
    assert outs(at.tick()).count(Out.SAVED) == 4
    assert at.has("typed 2;")


# ---- changes


def test_what_waits_is_forgotten_with_the_lane_and_asked_for(at: At) -> None:
    """[X2] It would have come into the document when its causes came."""
    ada, bob = at.join("editor"), at.join("editor")
    cause, effect = Typist(8), Typist(7)
    first = cause.types("cause", "content")
    assert at.update(ada, effect.types("effect", "content", after=(8, 4))) == []
    assert ada.parked
    assert outs(at.set_role(ada, "commenter")) == [Out.SYNC_STEP_1]
    at.update(bob, first)
    at.tick()
    assert at.has("cause") and not at.has("effect")
    assert outs(at.answer(ada, effect.everything())) == [Out.NOT_SAVED, Out.DENIED]


def test_what_waits_is_asked_for_even_when_nobody_counts_it(at: At) -> None:
    """[X2] [H8] The provider began to sync anew since, and has forgotten the update's own status."""
    ada = at.join("editor")
    at.update(ada, Typist(7).types("comment", "comments", after=(8, 4)))
    at.step1(ada)
    assert outs(at.set_role(ada, "commenter")) == [Out.SYNC_STEP_1]


def test_a_large_update_is_forgotten_with_the_lane_in_the_middle(at: At) -> None:
    """[X2] Before the whole of it was looked at, nothing of it is there."""
    ada = at.join("editor")
    assert at.update(ada, Typist(7).types(BOOK, "content")) == [WorkOn(ada)]
    at.room.work()
    effects = at.set_role(ada, "viewer")
    assert WorkDone(ada) in effects and Out.SYNC_STEP_1 in outs(effects)
    assert at.work() == [] and at.tick() == [] and not at.has("lorem")


@pytest.mark.parametrize("role", ["commenter", "viewer"])
def test_a_large_update_of_a_restricted_member_is_judged_as_a_small_one(at: At, role: str) -> None:
    """[X1] [R12]"""
    ada = at.join(role)
    assert at.update(ada, Typist(7).types(BOOK, "comments")) == [WorkOn(ada)]
    effects = at.work()
    if role == "commenter":
        assert effects == [WorkDone(ada)]
        assert outs(at.tick()) == [Out.SAVED] and at.has("lorem")
    else:
        assert outs(effects) == [Out.NOT_SAVED, Out.DENIED] and WorkDone(ada) in effects
        assert at.tick() == [] and not at.has("lorem")


def test_what_was_taken_before_the_change_stays(at: At) -> None:
    """[X2] It was allowed; the tick has only not come yet."""
    ada = at.join("editor", "ada")
    at.update(ada, Typist(7).types("taken", "content"))
    at.set_role(ada, "viewer")
    assert outs(at.tick()) == [Out.SAVED]
    assert [user for user, _ in at.log] == ["ada"]


@pytest.mark.parametrize("hocuspocus", [False, True])
def test_whoever_gains_a_lane_is_asked_at_once(at: At, hocuspocus: bool) -> None:
    """[X2] What was refused is offered again, and saved; then every status has been given."""
    ada, typist = at.join("viewer", hocuspocus=hocuspocus), Typist(7)
    for word in ("one", "two"):
        at.update(ada, typist.types(word, "content"))
    assert outs(at.set_role(ada, "editor")) == [Out.SYNC_STEP_1]
    assert at.answer(ada, typist.everything()) == []
    assert outs(at.tick()) == [Out.SAVED] * (2 if hocuspocus else 0)
    assert at.has("two")


def test_a_refusal_is_told_anew_after_the_rights_changed(at: At) -> None:
    """[R13] [X2] It is another refusal."""
    ada = at.join("viewer")
    at.update(ada, Typist(7).types("one", "content"))
    at.set_role(ada, "editor")
    at.set_role(ada, "viewer")
    assert reasons(at.update(ada, Typist(8).types("two", "content")))


# ---- who is not here any more


def test_what_waits_of_who_left_is_forgotten_with_the_right(at: At) -> None:
    """[X3]"""
    ada, bob = at.join("editor", "ada"), at.join("editor", "bob")
    cause, effect = Typist(8), Typist(7)
    first = cause.types("cause", "content")
    at.update(ada, effect.types("effect", "content", after=(8, 4)))
    at.room.leave(ada, at.now, clean=True)
    assert ada.id in at.room.departed
    at.room.disown(ada)
    at.update(bob, first)
    at.tick()
    assert [user for user, _ in at.log] == ["bob"] and not at.has("effect")
    assert not at.room.departed


def test_what_waits_of_who_left_comes_in_its_authors_name(at: At) -> None:
    """[X3] [R10] Else it stays, and nothing is remembered of whoever has nothing to come."""
    ada, bob = at.join("editor", "ada"), at.join("editor", "bob")
    at.update(ada, Typist(7).types("effect", "content", after=(8, 4)))
    at.room.leave(ada, at.now, clean=True)
    at.update(bob, Typist(8).types("cause", "content"))
    at.tick()
    assert sorted(user for user, _ in at.log) == ["ada", "bob"]
    at.room.leave(bob, at.now, clean=True)
    assert not at.room.departed and not at.room._users


def test_a_large_update_of_who_left_in_the_middle_is_written_in_its_authors_name(at: At) -> None:
    """[X44] It was received in time."""
    ada = at.join("editor", "ada")
    at.update(ada, Typist(7).types(BOOK, "content"))
    at.room.work()
    at.room.leave(ada, at.now, clean=True)
    at.tick()
    at.work()
    at.tick()
    assert {user for user, _ in at.log} == {"ada"} and at.has("lorem")
    assert not at.room.departed and not at.room._users


def test_a_large_update_of_who_left_in_the_middle_ends_with_the_right(at: At) -> None:
    """[X44] [X3]"""
    ada = at.join("commenter", "ada")
    at.update(ada, Typist(7).types(BOOK, "comments"))
    at.room.leave(ada, at.now, clean=True)
    assert ada.id in at.room.departed
    at.room.disown(ada)
    at.work()
    assert at.tick() == [] and not at.has("lorem") and not at.room.departed


# ---- around the document


def state(name: str) -> Awareness:
    return Awareness("", b"\1\7\1" + write_bytes(b'{"user":{"name":"%s"}}' % name.encode()))


def test_presence_ends_with_the_right_to_be_seen(at: At) -> None:
    """[X2] And does not come back."""
    ada = at.join("editor")
    at.room.receive(ada, state("Ada"), at.now)
    (shown,) = at.room.presence(at.now)
    assert isinstance(shown, Broadcast) and b"user1" in shown.data
    assert PRESENCE not in ROLES["ghost"].may
    at.set_role(ada, "ghost")
    at.now += 1.0
    (ended,) = at.room.presence(at.now)
    assert isinstance(ended, Broadcast) and b"null" in ended.data
    at.room.receive(ada, state("Ada again"), at.now)
    at.now += 1.0
    assert at.room.presence(at.now) == []
    assert not at.update(ada, Typist(7).types("a ghost writes", "content"))


@pytest.mark.parametrize("role", ["viewer", "commenter", "moderator", "editor", "admin"])
def test_broadcasts_are_for_those_who_may_write_something(at: At, role: str) -> None:
    """[X1] A viewer is seen, and says nothing."""
    ada = at.join(role)
    effects = at.room.receive(ada, BroadcastStateless("", "hello"), at.now)
    assert [type(effect) for effect in effects] == ([] if role == "viewer" else [Broadcast])


# ---- statuses, whatever happens


def test_an_answer_to_a_question_of_a_replica_that_is_gone_pays_for_nothing(at: At) -> None:
    """[R6] [X46] It leaves out what the log has lost, and "saved" would be a lie until the next answer is on disk."""
    ada, typist = at.join("editor"), Typist(7)
    at.update(ada, typist.types("lost", "content"))
    at.room.tick(at.now)
    at.step1(ada)
    at.room.suspend()
    at.room.resume(Replica())
    assert at.answer(ada, NO_CHANGE) == []
    assert at.tick() == []
    at.answer(ada, typist.everything())
    assert outs(at.tick()) == [Out.SAVED]
    assert at.has("lost")


def test_parked_members_are_asked_anew_after_the_store_was_back(at: At) -> None:
    """[R5] [R6] The earlier question was another one."""
    ada = at.join("editor")
    early = Typist(7, clock=2).types("early", "content")
    at.update(ada, early)
    at.room.wake(at.now)
    at.now += PARKED + 0.1
    assert Out.SYNC_STEP_1 in outs(list(at.room.wake(at.now)))
    at.room.suspend()
    at.room.resume(Replica())
    at.answer(ada, NO_CHANGE)
    at.answer(ada, early)
    at.room.wake(at.now)
    at.now += 2 * PARKED + 0.1
    assert not dismissed(list(at.room.wake(at.now)))


def test_a_role_is_what_it_may() -> None:
    """[X1] Two roles with the same lanes write the same."""
    assert ROLES.writes_all(ROLES["ghost"]) and ROLES.writes_all(Role("x", ROLES["ghost"].may))
