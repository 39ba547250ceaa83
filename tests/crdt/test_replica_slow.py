"""Large updates in steps: the same outcome as in one, while others are served in between."""

from __future__ import annotations

import pytest
from crdt_updates import any_text, block, one, replica, text, update, values
from replica_fuzz import drain
from test_replica_catchup import conversation

from motet.crdt.replica import DROPPED, SLOW, TAKEN, News, Replica
from motet.crdt.replica.check import parse
from motet.errors import IdConflict, MalformedUpdate

BIG = replica(*conversation(4_000), update(deletes={1: [(k, 1) for k in range(0, 20_000, 2)]})).encode()


def test_the_outcome_is_that_of_take() -> None:
    """[C15]"""
    assert len(BIG) > SLOW
    slow, quick = Replica(), Replica()
    assert drain(slow, BIG, 1) == quick.take(BIG, 1) == TAKEN
    assert slow.encode() == quick.encode()
    assert slow.state_hash() == quick.state_hash()
    news = slow.news()
    assert news is not None
    assert parse(news.update) == parse(BIG)


def test_others_are_served_between_the_steps() -> None:
    """[C15] Every step's news are whole by themselves, and authors keep what is theirs."""
    r, heard = Replica(), Replica()
    news: list[News] = []
    steps = r.take_slowly(BIG, 1)
    turns = 0
    for _ in steps:
        assert (
            r.take(one(500, turns, text("x", origin=(500, turns - 1) if turns else None, parent="other")), 2) == TAKEN
        )
        turns += 1
        if (new := r.news()) is not None:
            news.append(new)
            assert heard.take(new.update, 9) == TAKEN, "pending"
            for author, part in new.authors:
                assert author == (
                    2 if parse(part)[0].keys() <= {(500, k) for k in range(turns)} and parse(part)[0] else 1
                )
        assert heard.encode() == r.encode()
    assert turns > len(BIG) // 20_000
    last = r.news()
    if last is not None:
        heard.take(last.update, 9)
    assert heard.state_hash() == r.state_hash()
    assert r.diff(Replica.load(BIG).state_vector()).count(b"x") >= turns


def test_nothing_changes_before_all_of_it_is_validated() -> None:
    """[C3] [C15]"""
    r = replica(one(7, 0, text("known")))
    before = r.encode()
    with pytest.raises(MalformedUpdate):
        for _ in r.take_slowly(BIG[:-1], 1):
            assert r.encode() == before
    with pytest.raises(IdConflict):
        for _ in r.take_slowly(update(block(900, 0, text("y" * SLOW)), block(7, 0, text("other"))), 1):
            assert r.encode() == before
    assert r.encode() == before


def test_a_big_value_is_walked_in_many_steps() -> None:
    """[C15]"""
    nested = b"\x75" + b"\xe8\x07" + b"\x76\1\1k\x77\x03abc" * 1_000
    one_value = one(7, 0, values(b"\x75\x64" + nested * 100, any_text("after"), parent="m"))
    assert len(one_value) > 700_000
    r = Replica()
    steps = 0
    for _ in r.take_slowly(one_value, 1):
        steps += 1
    assert steps > 60
    assert parse(r.encode()) == parse(one_value)


def test_a_conflict_that_arises_between_the_steps_is_refused_and_leaves_what_was_valid() -> None:
    """[C15]"""
    r = Replica()
    steps = r.take_slowly(update(block(800, 0, text("z" * SLOW)), block(7, 0, text("mine"))), 1)
    with pytest.raises(IdConflict):
        for turn, _ in enumerate(steps):
            if turn == 1:
                assert r.take(one(7, 0, text("else")), 2) == TAKEN
    assert b"else" in r.encode()
    assert b"mine" not in r.encode()


def test_what_lacks_its_cause_waits_as_ever() -> None:
    """[C7] [C15]"""
    r = Replica()
    waiting = update(block(800, 0, text("z" * SLOW, origin=(7, 4))), deletes={800: [(0, 5)], 7: [(0, 1)]})
    ticket = drain(r, waiting, 1)
    assert ticket > 0
    assert drain(r, waiting, 1) == ticket
    assert r.take(one(7, 0, text("cause")), 2) == TAKEN
    news = r.news()
    assert news is not None
    assert news.ripe == (ticket,)
    assert r.state_hash() == replica(one(7, 0, text("cause")), waiting).state_hash()


def test_a_cause_that_comes_between_the_steps_is_found() -> None:
    """[C7] [C15]"""
    r = Replica()
    steps = r.take_slowly(one(800, 0, text("z" * SLOW, origin=(7, 4)), text("!", origin=(9, 0))), 1)
    answer = None
    while answer is None:
        try:
            next(steps)
        except StopIteration as done:
            answer = done.value
        else:
            r.take(one(7, 0, text("cause")), 2)
            r.take(one(9, 0, text("!")), 2)
    assert answer == TAKEN
    assert r.waiting_bytes == 0


def test_a_large_update_with_two_entangled_clients_does_not_need_room_to_wait() -> None:
    """[C8] [C15]"""
    turns = 700
    left = [text("l" * 4_000, origin=(2, 4_000 * k - 1) if k else None) for k in range(turns)]
    right = [text("r" * 4_000, origin=(1, 4_000 * (k + 1) - 1)) for k in range(turns)]
    entangled = update(block(2, 0, *right), block(1, 0, *left))
    assert len(entangled) > 5_000_000
    assert drain(Replica(), entangled, 1) == TAKEN
    lacking = update(block(2, 0, text("r", origin=(3, 0)), *right[1:]), block(1, 0, *left))
    assert drain(Replica(), lacking, 1) in (DROPPED, 1)
