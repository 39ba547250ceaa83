"""Which roots an update would change, told before it is taken and without a change."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from crdt_updates import (
    any_text,
    array_type,
    block,
    compacted,
    deleted,
    gc,
    item,
    map_type,
    one,
    replica,
    skip,
    text,
    update,
    values,
)
from replica_fuzz import drain_steps, survey_slowly

from motet.crdt.replica import TAKEN, Replica, Touched
from motet.crdt.replica.check import parse
from motet.errors import IdConflict, MalformedUpdate
from motet.varint import write

TRUE = b"\x78"
BASE = (
    one(7, 0, text("content", parent="content"), text("notes", parent="comments")),
    one(8, 0, map_type("comments", "thread"), array_type((7, 6)), values(TRUE, parent=(8, 0), sub="open")),
)
"""Client 7: 0-6 in content, 7-11 in comments. Client 8: 0 a map in comments, 1 an array in content, 2 in the map."""


def both(r: Replica, u: bytes) -> Touched:
    """What is touched; the slow way says the same, and nothing changes."""
    before = r.encode(), r.sidecar(), r.state_hash(), r.size, r.waiting_bytes
    quick = r.touched(u)
    assert survey_slowly(r, u) == quick
    assert (r.encode(), r.sidecar(), r.state_hash(), r.size, r.waiting_bytes) == before
    assert r.news() is None
    return quick


def touched(u: bytes, r: Replica | None = None) -> set[str]:
    """The names of roots alone; nothing is unresolved, before and after compaction."""
    r = r or replica(*BASE)
    for now in (r, compacted(Replica.open(r.encode(), r.sidecar()))):
        seen = both(now, u)
        assert not seen.unresolved
    return set(seen.roots)


PLACES = {
    "a root by its name": (text("x", parent="comments"), {"comments"}),
    "a new root": (text("x", parent="elsewhere"), {"elsewhere"}),
    "a root without a name": (text("x", parent=""), {""}),
    "a root with a name beyond ASCII": (text("x", parent="ünï 日本 😀"), {"ünï 日本 😀"}),
    "a key of a root": (values(TRUE, parent="comments", sub="k"), {"comments"}),
    "after an origin": (text("x", origin=(7, 3)), {"content"}),
    "before a right origin": (text("x", right=(7, 8)), {"comments"}),
    "between the two": (text("x", (7, 8), (7, 9)), {"comments"}),
    "between two roots, which take refuses": (text("x", (7, 8), (7, 3)), {"comments", "content"}),
    "inside a nested map": (values(TRUE, parent=(8, 0), sub="k"), {"comments"}),
    "over a nested map's value": (values(TRUE, origin=(8, 2)), {"comments"}),
    "inside a nested array": (values(TRUE, parent=(8, 1)), {"content"}),
    "a format": (item(6, b"\4bold\4true", (7, 2), (7, 3)), {"content"}),
    "an embed": (item(5, b"\2{}", (7, 8)), {"comments"}),
    "markup": (item(7, b"\3\1p", parent="page"), {"page"}),
    "bytes": (item(3, b"\1x", parent="content"), {"content"}),
    "a subdocument": (item(9, b"\1g\x76\0", parent="docs"), {"docs"}),
    "what is deleted already": (deleted(3, (7, 8)), {"comments"}),
    "GC": (gc(3), set()),
    "inside what is no type": (values(TRUE, parent=(7, 1)), {"content"}),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_struct_touches_the_root_that_it_lies_in(name: str) -> None:
    """[C16]"""
    struct, roots = PLACES[name]
    assert touched(one(9, 0, struct)) == roots
    seen = replica(*BASE).touched(one(9, 0, struct))
    assert seen.written == roots
    assert seen.clients == {9}


def test_what_is_known_touches_nothing() -> None:
    """[C16]"""
    for u in BASE:
        assert both(replica(*BASE), u) == Touched(frozenset(), frozenset(), frozenset(), False)
    assert touched(replica(*BASE).encode()) == set()


def test_a_struct_that_is_partly_known_touches_with_its_new_part() -> None:
    """[C16]"""
    assert touched(one(7, 7, text("notes, and more", parent="comments"))) == {"comments"}
    assert touched(one(7, 5, text("nt", origin=(7, 4)), text("notes!", parent="comments"))) == {"comments"}


def test_a_new_part_lies_where_its_known_part_does_whatever_it_says() -> None:
    """[C16] Known ids whose content is gone cannot be compared, so that a lie about them passes."""
    r = replica(one(7, 0, deleted(7, parent="content")))
    lie = one(7, 0, text("content, and more", parent="comments"))
    assert touched(lie, r) == {"content"}


def test_structs_of_the_update_itself_are_found_in_any_order_of_its_blocks() -> None:
    """[C16]"""
    parts = {
        20: block(20, 0, text("x", (22, 0)), values(TRUE, parent=(21, 0), sub="k")),
        21: block(21, 0, map_type((22, 1), "deep")),
        22: block(22, 0, text("y", (7, 8)), map_type("comments", "other"), text("z", (20, 0))),
    }
    for order in ((20, 21, 22), (22, 21, 20), (21, 22, 20), (21, 20, 22)):
        assert touched(update(*[parts[client] for client in order])) == {"comments"}


def test_what_nests_in_gc_touches_nothing() -> None:
    """[C16] [C5]"""
    r = replica(*BASE, one(9, 0, gc(2)))
    assert touched(one(10, 0, text("x", (9, 1)), text("y", parent=(9, 0)), text("z", (10, 0))), r) == set()
    assert r.touched(one(10, 0, text("x", (9, 1)))).clients == {10}


def test_deletes_touch_the_roots_of_all_that_they_span() -> None:
    """[C16]"""
    assert touched(update(deletes={7: [(2, 3)]})) == {"content"}
    assert touched(update(deletes={7: [(6, 2)]})) == {"content", "comments"}
    assert touched(update(deletes={7: [(11, 1)], 8: [(1, 1)]})) == {"content", "comments"}
    assert touched(update(deletes={8: [(2, 1)]})) == {"comments"}
    assert replica(*BASE).touched(update(deletes={7: [(2, 3)]})).written == frozenset()


def test_deletes_that_are_known_touch_nothing() -> None:
    """[C16] A sync step 2 repeats them all."""
    r = replica(*BASE, update(deletes={7: [(0, 2), (4, 2)], 8: [(0, 1)]}))
    assert touched(update(deletes={7: [(0, 2), (4, 2)], 8: [(0, 1)]}), r) == set()
    assert touched(update(deletes={7: [(4, 1)]}), r) == set()
    assert touched(update(deletes={7: [(0, 4)]}), r) == {"content"}
    assert touched(r.encode(), r) == set()
    many = replica(
        one(7, 0, text("abc" * 2_000, parent="content")), update(deletes={7: [(k, 1) for k in range(0, 6_000, 2)]})
    )
    assert touched(many.encode(), many) == set()
    assert touched(update(deletes={7: [*[(k, 1) for k in range(0, 4_000, 2)], (4_001, 1)]}), many) == {"content"}


def test_deletes_of_what_the_update_brings_touch_its_root() -> None:
    """[C16]"""
    brings = block(9, 0, text("abc", parent="comments"), gc(2), text("def", parent="content"))
    assert touched(update(brings, deletes={9: [(3, 2)]})) == {"comments", "content"}
    assert touched(update(block(9, 0, gc(5)), deletes={9: [(0, 5)]})) == set()
    r = replica(*BASE, one(9, 0, text("abc", parent="comments")))
    assert touched(update(brings, deletes={9: [(1, 2)]}), r) == {"comments", "content"}


UNRESOLVED = {
    "an origin": one(9, 0, text("x", origin=(6, 0))),
    "an origin after what is here": one(9, 0, text("x", origin=(7, 12))),
    "a right origin": one(9, 0, text("x", (7, 0), (6, 0))),
    "a parent": one(9, 0, text("x", parent=(6, 0))),
    "the ids before": one(9, 1, text("x", parent="comments")),
    "the ids of a gap": one(9, 0, text("x", parent="comments"), skip(2), text("y", parent="comments")),
    "what was deleted": update(deletes={6: [(0, 1)]}),
    "the end of what was deleted": update(deletes={7: [(11, 2)]}),
    "the end of what it brings": update(block(9, 0, text("x", parent="comments")), deletes={9: [(0, 2)]}),
    "each other": update(block(9, 0, text("x", (10, 0))), block(10, 0, text("y", (9, 0)))),
}


@pytest.mark.parametrize("name", UNRESOLVED)
def test_what_lacks_a_cause_is_unresolved(name: str) -> None:
    """[C16]"""
    r = replica(*BASE)
    assert both(r, UNRESOLVED[name]).unresolved
    assert r.take(UNRESOLVED[name], 1) != TAKEN


def test_what_can_be_told_of_an_unresolved_update_is() -> None:
    """[C16]"""
    seen = both(replica(*BASE), one(9, 0, text("x", parent="comments"), text("y", (6, 0)), text("z", parent="content")))
    assert seen == Touched(frozenset({"comments"}), frozenset({"comments"}), frozenset({9}), True)


def test_a_struct_that_would_wait_for_ids_which_the_update_only_claims_is_unresolved() -> None:
    """[C16] Client 5 types in content. Whoever guesses its next ids must not have a struct wait beside them."""
    r = replica(one(5, 0, text("victim", parent="content")))
    trap = update(
        block(9, 0, text("x", (5, 7)), text("y", parent="comments")),
        block(5, 6, text("a", (9, 1)), text("b", parent="comments")),
    )
    assert both(r, trap).unresolved


def test_failed_takes_leave_no_trace_in_what_is_remembered() -> None:
    """[C16] Lanes and roots that they made are made again as something else."""
    r = replica(*BASE)
    torn = text("x", (7, 8), (7, 3))
    for name in ("one", "two"):
        with pytest.raises(MalformedUpdate):
            r.take(update(block(9, 0, map_type(name, "k"), values(TRUE, parent=(9, 0), sub="k"), torn)), 1)
        assert touched(one(10, 0, text("x", parent=name)), r) == {name}
    assert r.take(one(11, 0, map_type("three", "k"), values(TRUE, parent=(11, 0), sub="k")), 1) == TAKEN
    r.news()
    assert touched(one(12, 0, values(TRUE, parent=(11, 0), sub="k")), r) == {"three"}
    with pytest.raises(MalformedUpdate):
        r.take(update(block(13, 0, map_type("four", "k"), values(TRUE, parent=(13, 0), sub="k"), torn)), 1)
    assert r.take(one(14, 0, map_type("five", "k"), values(TRUE, parent=(14, 0), sub="k")), 1) == TAKEN
    r.news()
    assert touched(one(15, 0, values(TRUE, parent=(14, 0), sub="k")), r) == {"five"}


def test_compaction_does_not_change_where_dead_types_lie() -> None:
    """[C16]"""
    r = replica(*BASE, update(deletes={8: [(0, 1)], 7: [(0, 12)]}))
    for now in (r, compacted(r)):
        assert touched(one(9, 0, values(TRUE, parent=(8, 0), sub="k")), now) == {"comments"}
        assert touched(one(9, 0, values(TRUE, origin=(8, 2))), now) == {"comments"}
        assert touched(one(9, 0, text("x", (7, 3))), now) == {"content"}


def test_a_very_deep_nest_is_walked_without_recursion() -> None:
    """[C16]"""
    depth = 100_000
    chain = [array_type(parent="comments"), *[array_type(parent=(9, k)) for k in range(depth - 1)]]
    r = Replica()
    for _ in r.take_slowly(one(9, 0, *chain), 1):
        pass
    assert r.touched(one(10, 0, array_type(parent=(9, depth - 1)))).roots == {"comments"}
    deeper = one(10, 0, array_type(parent=(9, depth - 1)), *[array_type(parent=(10, k)) for k in range(99)])
    assert r.touched(deeper).roots == {"comments"}


def test_names_in_another_encoding_of_their_length_are_the_same_root() -> None:
    """[C16]"""
    odd = b"\x04\x01" + b"\x88\x00comments" + b"\1x"
    assert touched(one(9, 0, odd)) == {"comments"}
    assert touched(one(10, 0, text("y", (9, 0))), replica(*BASE, one(9, 0, odd))) == {"comments"}


def test_many_roots_are_told_apart_after_opening() -> None:
    """[C16] [C14]"""
    made = replica(*[one(k, 0, text("x", parent=f"r{k}")) for k in range(1, 300)])
    for r in (made, Replica.open(made.encode(), made.sidecar())):
        for k in (299, 1, 77):
            assert touched(one(1_000, 0, text("y", (k, 0))), r) == {f"r{k}"}


def test_a_loser_of_a_map_race_is_deleted_and_not_written() -> None:
    """[C16] A reader deletes it by itself, in no update; its full sync says so, and it made no change."""
    r = replica(
        one(1, 0, values(any_text("a"), parent="content", sub="k")),
        one(2, 0, values(any_text("b"), parent="content", sub="k")),
    )
    seen = both(r, update(deletes={1: [(0, 1)]}))
    assert seen == Touched(frozenset({"content"}), frozenset(), frozenset(), False)


def test_others_may_write_between_the_steps() -> None:
    """[C16] [C15]"""
    r = replica(*BASE)
    large = one(9, 0, text("z" * 40_000, (7, 8)), *[values(TRUE, parent="comments", sub=f"k{k}") for k in range(2_000)])
    steps, turn = r.touching(large), 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            seen = done.value
            break
        r.take(one(50 + turn, 0, text("x", parent=f"new{turn}")), 1)
        turn += 1
    assert turn > 10
    assert seen == Touched(frozenset({"comments"}), frozenset({"comments"}), frozenset({9}), False)


# -- taking within some roots


def within(r: Replica, u: bytes) -> Generator[None, None, int]:
    return r.take_within(u, 3, lambda root: root == "comments")


def test_deletes_in_other_roots_are_left_out() -> None:
    """[C18]"""
    r = replica(*BASE)
    mixed = update(block(9, 0, text("x", (7, 8))), deletes={7: [(2, 8)], 8: [(0, 3)], 6: [(0, 5)], 9: [(0, 1)]})
    assert drain_steps(within(r, mixed)) == TAKEN
    allowed = update(block(9, 0, text("x", (7, 8))), deletes={7: [(7, 3)], 8: [(0, 1), (2, 1)], 9: [(0, 1)]})
    assert r.encode() == replica(*BASE, allowed).encode()
    assert not r.waiting_bytes


def test_what_is_not_allowed_is_refused_even_if_nobody_asked_before() -> None:
    """[C18]"""
    for wrong in (one(9, 0, text("x", (7, 2))), one(9, 0, text("x", (6, 2))), one(9, 0, text("x", parent="new"))):
        r = replica(*BASE)
        with pytest.raises(MalformedUpdate):
            drain_steps(within(r, wrong))
        assert r.encode() == replica(*BASE).encode()
        assert not r.waiting_bytes


def test_ids_that_others_bring_between_the_steps_do_not_carry_the_rest_elsewhere() -> None:
    """[C18] [C15] Client 5 types in content, at the ids that the update claims for itself."""
    r = replica(*BASE, one(5, 0, text("victim", parent="content")))
    trap = update(
        block(20, 0, text("z" * 40_000, (7, 8))),
        block(9, 0, text("x", (5, 7))),
        block(5, 6, text("a", (20, 0)), text("b", parent="comments")),
        deletes={5: [(7, 1)]},
    )
    assert both(r, trap).roots == {"comments"}
    steps = within(r, trap)
    with pytest.raises(IdConflict):
        for turn, _ in enumerate(steps):
            if turn == 3:
                assert r.take(one(5, 6, text("!?", (5, 5))), 1) == TAKEN
    expected = replica(*BASE, one(5, 0, text("victim!?", parent="content")))
    assert not {unit.content for unit in parse(r.encode())[0].values()} & {b"x\0"}
    assert parse(r.encode())[1] == parse(expected.encode())[1]


# -- forgetting

LATER = text("x", origin=(5, 2))
CAUSE = one(5, 0, text("cause", parent="content"))


def test_what_waits_of_a_forgotten_author_never_comes_up() -> None:
    """[C17]"""
    r = replica(*BASE)
    assert (
        r.take(update(block(9, 0, LATER), block(10, 0, text("y", (9, 0))), deletes={5: [(0, 2)], 7: [(0, 1)]}), 3) > 0
    )
    r.news()
    vector, encoded = r.state_vector(), r.encode()
    r.forget(3)
    assert r.waiting_bytes == 0
    assert (r.state_vector(), r.encode()) == (vector, encoded)
    assert r.take(CAUSE, 1) == TAKEN
    news = r.news()
    assert news is not None
    assert news.update == CAUSE
    assert news.ripe == ()
    assert r.encode() == replica(*BASE, update(deletes={7: [(0, 1)]}), CAUSE).encode()


def test_what_waits_of_others_survives() -> None:
    """[C17]"""
    r = Replica()
    mine = r.take(update(block(9, 0, LATER), deletes={5: [(0, 2)]}), 3)
    theirs = r.take(update(block(10, 0, LATER), deletes={5: [(2, 2)]}), 4)
    assert mine > 0 < theirs
    r.forget(3)
    assert r.waiting_bytes > 0
    r.take(CAUSE, 1)
    news = r.news()
    assert news is not None
    assert r.encode() == replica(CAUSE, update(block(10, 0, LATER), deletes={5: [(2, 2)]})).encode()
    assert {author for author, _ in news.authors} == {1, 4}
    assert r.waiting_bytes == 0


def test_a_later_sync_offers_what_was_forgotten_again() -> None:
    """[C17]"""
    r = Replica()
    lost = update(block(9, 0, LATER), deletes={5: [(0, 2)]})
    first = r.take(lost, 3)
    r.forget(3)
    again = r.take(lost, 4)
    assert again not in (TAKEN, first)
    r.take(CAUSE, 1)
    news = r.news()
    assert news is not None
    assert news.ripe == (again,)
    assert r.encode() == replica(CAUSE, lost).encode()


def test_a_delete_that_relied_on_a_forgotten_one_is_not_called_done() -> None:
    """[C17] The same ids waited already to be deleted, so that only their first author's delete was kept."""
    r = Replica()
    r.take(update(deletes={5: [(0, 4)]}), 3)
    relying = update(deletes={5: [(1, 2)]})
    assert r.take(relying, 4) > 0
    r.forget(3)
    r.take(CAUSE, 1)
    news = r.news()
    assert news is not None
    assert news.ripe == ()
    assert r.waiting_bytes == 0
    assert r.take(relying, 4) == TAKEN


def test_forgetting_an_author_of_whom_nothing_waits_changes_nothing() -> None:
    """[C17]"""
    r = Replica()
    r.take(update(block(9, 0, LATER), deletes={5: [(0, 2)]}), 3)
    waiting = r.waiting_bytes
    r.forget(4)
    assert r.waiting_bytes == waiting
    r.take(CAUSE, 1)
    assert r.waiting_bytes == 0


def test_forgetting_takes_time_proportional_to_what_waits() -> None:
    """[C17] Thousands of pieces and deletes, of as many clients, are gone at once."""
    r = Replica()
    for k in range(4_000):
        r.take(update(block(100 + k, 0, text("x", (5, k))), deletes={50_000 + k: [(0, 1)]}), 3)
    r.take(update(deletes={90_000: [(0, 1)]}), 4)
    r.forget(3)
    r.forget(4)
    assert r.waiting_bytes == 0
    assert write(0) + write(0) == r.encode()
