"""Probes: the question, what an answer tells, and where two replicas differ."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from crdt_updates import any_text, block, compacted, gc, one, replica, text, update, values, vector
from replica_fuzz import FUZZ, History, drain, node

from motet.crdt.frames import View
from motet.crdt.replica import (
    Difference,
    Holding,
    Lack,
    Replica,
    as_text,
    holding,
    lack,
    lowered,
    read_state_vector,
    state_vector,
)
from motet.crdt.views import read
from motet.errors import MalformedUpdate
from support import seeds

T = TypeVar("T")


def result(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: T = done.value
            return found


def held(data: bytes) -> Holding:
    return result(holding(data))


def expected(made: Replica) -> Holding:
    """What a room expects of its members."""
    known = made.state_vector()
    return Holding(read_state_vector(known), held(made.diff(known)).dead)


def lacks(room: Replica, member: Replica, whole: tuple[int, ...] = ()) -> Lack | None:
    """What a member, that answers as Yjs does, is found to lack."""
    answer = member.diff(lowered(read_state_vector(room.state_vector()), whole))
    return result(lack(expected(room), held(answer)))


def test_the_question_is_one_below_what_is_here() -> None:
    """[V3] A clock that would be 0 is left out: of that client everything is asked for."""
    assert lowered({7: 5, 9: 1, 8: 200}) == vector({7: 4, 8: 199})
    assert lowered({7: 5, 9: 3}, whole=[7]) == vector({9: 2})
    assert lowered({}) == b"\0"


def test_an_answer_ends_where_its_sender_s_vector_does() -> None:
    """[V3] And it has every delete, merged."""
    theirs = held(update(block(9, 3, gc(2)), block(7, 0, text("ab"), text("c", (7, 1))), deletes={7: [(1, 1), (2, 1)]}))
    assert theirs.ends == {9: 5, 7: 3}
    assert list(theirs.dead[7].within(0, 9)) == [(1, 3)]


@pytest.mark.parametrize("data", [b"", b"\1", b"\1\1\7\0", one(7, 0, text("ab"))[:-1]])
def test_what_is_no_answer_is_malformed(data: bytes) -> None:
    """[V3]"""
    with pytest.raises(MalformedUpdate):
        held(data)


def test_a_member_that_holds_the_same_lacks_nothing() -> None:
    """[V3]"""
    both = [one(7, 0, text("hello")), one(9, 0, text("x", (7, 4))), one(7, 5, text("!", (7, 4)), deletes={7: [(1, 2)]})]
    assert lacks(replica(*both), replica(*both)) is None


def test_a_lost_update_is_found_and_with_the_whole_client_its_beginning_too() -> None:
    """[V3] A client that is not in the answer is one of which the last id is lacking, at least."""
    first, second, third = one(7, 0, text("hello")), one(7, 5, text("!", (7, 4))), one(9, 0, text("x", (7, 4)))
    room, member = replica(first, third, second), replica(first, third)
    assert lacks(room, member) == Lack(7, 0, 6)
    assert lacks(room, member, whole=(7,)) == Lack(7, 5, 6)
    assert lacks(room, replica()) == Lack(7, 0, 6)


def test_a_lost_delete_is_found() -> None:
    """[V3]"""
    first = one(7, 0, text("hello"))
    room, member = replica(first, update(deletes={7: [(1, 3)]})), replica(first, update(deletes={7: [(1, 1)]}))
    assert lacks(room, member) == Lack(7, 2, 4)
    assert lacks(room, replica(first)) == Lack(7, 1, 4)


def test_what_a_member_holds_beyond_the_room_is_no_lack() -> None:
    """[V3] It is news, or a delete that every reader draws by itself."""
    first, more = one(7, 0, text("hello")), one(9, 0, text("x", (7, 4)), deletes={7: [(0, 2)]})
    assert lacks(replica(first), replica(first, more)) is None


def test_a_state_vector_is_shown_cut_short_and_the_client_in_question_first() -> None:
    """[V6] Bounded, whatever the document."""
    assert as_text({9: 4, 7: 2}, 9) == "9:4 7:2"
    assert as_text({9: 4}, 7) == "7:0 9:4"
    assert as_text(dict.fromkeys(range(100), 1), 50).endswith(" and 80 more")
    assert state_vector({7: 4, 9: 200}) == vector({7: 4, 9: 200})


def test_the_answer_s_size_is_known_before_it_is_asked_for() -> None:
    """[V4] One struct of each client, which may be large, and the deletes."""
    small = replica(one(7, 0, text("x" * 100_000)), update(deletes={7: [(n, 1) for n in range(0, 2000, 2)]}))
    assert len(small.diff(lowered({7: 100_000}))) < small.probe_size < 16_000
    large = replica(one(7, 0, values(any_text("x" * 100_000))))
    assert large.probe_size > 95_000


# ---- where two replicas differ


def differs(ours: Replica, theirs: Replica) -> Difference | None:
    return result(ours.differs(theirs))


def test_boundaries_of_structs_and_compaction_are_no_difference() -> None:
    """[V2]"""
    typed = [one(7, n, text("x", (7, n - 1)) if n else text("x")) for n in range(40)]
    whole = replica(one(7, 0, text("x" * 40)))
    assert differs(replica(*typed), whole) is None
    gone = update(deletes={7: [(3, 30)]})
    drain(whole, gone, 1)
    assert differs(compacted(replica(*typed, gone)), whole) is None


def test_a_struct_or_a_delete_that_one_lacks_is_a_difference() -> None:
    """[V2] In either direction."""
    first, second, gone = one(7, 0, text("ab")), one(9, 0, text("c", (7, 1))), update(deletes={7: [(1, 1)]})
    for less, where in ((replica(first, gone), Lack(9, 0, 1)), (replica(first, second), Lack(7, 1, 2))):
        both = replica(first, second, gone)
        assert differs(both, less) == differs(less, both) == Difference(where, content=False)


def test_other_content_under_the_same_ids_is_a_difference() -> None:
    """[V2]"""
    ours = replica(one(7, 0, text("hello")), one(9, 0, text("x", (7, 4))))
    theirs = replica(one(7, 0, text("hello")), one(9, 0, text("y", (7, 4))))
    assert differs(ours, theirs) == Difference(Lack(9, 0, 1), content=True)


def test_other_content_is_told_before_a_delete_that_one_lacks() -> None:
    """[V2] The delete may be an implicit one, and then is none."""
    ours = replica(one(7, 0, text("hello")), one(9, 0, text("xx", (7, 4)), deletes={7: [(1, 1)]}))
    theirs = replica(one(7, 0, text("hello")), one(9, 0, text("yy", (7, 4))))
    assert differs(ours, theirs) == Difference(Lack(9, 0, 2), content=True)


# ---- real Yjs


def _check(first: int, count: int, folder: Path) -> list[str]:
    """What is wrong with the answers of real Yjs in so many histories."""
    histories, probes = folder / "histories.json", folder / "probes.json"
    subprocess.run([node(), "histories.mjs", str(first), str(count), histories], cwd=FUZZ, check=True)
    subprocess.run([node(), "probes.mjs", histories, probes], cwd=FUZZ, check=True)
    return [
        f"seed {history.seed}: {problem}"
        for history, probe in zip(History.read(histories), json.loads(probes.read_text()), strict=True)
        for problem in _problems(history, probe)
    ]


def _hash(made: Replica) -> str:
    return read(made.encode(), View.HASH, None)


def _problems(history: History, probe: dict[str, object]) -> list[str]:
    rnd = random.Random(history.seed)
    room = Replica()
    updates = [data for _, data in history.updates] + history.late
    rnd.shuffle(updates)
    for data in [*updates, *history.fulls]:  # with a full sync come the implicit deletes
        drain(room, data, 1)
        room.news()
    replayed = Replica()
    for data in [*history.fulls, *updates]:
        drain(replayed, data, 1)
    problems = []
    if differs(room, replayed) is not None:
        problems.append("a replay in another order differs")
    if rnd.random() < 0.5:
        # compaction enters implicit deletes: a loaded document must see that they are
        found = differs(compacted(room), replayed)
        if found is not None and (found.content or _hash(room) != _hash(replayed)):
            problems.append("compaction made a difference")
    ours = expected(room)
    question = {str(client): clock for client, clock in read_state_vector(lowered(ours.ends)).items()}
    if question != probe["question"]:
        problems.append("another question")
    answers = probe["answers"]
    assert isinstance(answers, list)
    for answer, name in zip(answers, ("reference", "lagging"), strict=True):
        theirs = held(bytes.fromhex(answer["answer"]))
        ends = {int(client): end for client, end in answer["vector"].items()}
        dead = {
            int(client): {clock for a, z in ranges for clock in range(a, z)}
            for client, ranges in answer["deletes"].items()
        }
        behind = {client for client, end in ours.ends.items() if ends.get(client, 0) < end}
        if theirs.ends != {client: end for client, end in ends.items() if client not in behind}:
            problems.append(f"{name}: its vector was read otherwise")
        undead = any(
            clock not in dead.get(client, ())
            for client, ranges in ours.dead.items()
            for a, z in ranges.within(0, 1 << 30)
            for clock in range(a, z)
        )
        if (result(lack(ours, theirs)) is not None) != (bool(behind) or undead):
            problems.append(f"{name}: judged wrongly")
        if name == "reference" and (behind or undead):
            problems.append("the reference itself lacks something")
    return problems


@pytest.mark.node
@pytest.mark.parametrize(("first", "count"), [(0, 60), (seeds.fresh() % (1 << 30), 30)], ids=["fixed", "fresh"])
def test_answers_of_real_yjs_are_read_and_judged_rightly(first: int, count: int, tmp_path: Path) -> None:
    """[V2] [V3] Documents with undo, formats, XML, subdocuments, offline work, GC and none."""
    assert _check(first, count, tmp_path) == [], f"seeds from {first}"
