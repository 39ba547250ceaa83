"""Known ids that arrive again: the same in other words is welcome, something else is refused."""

from __future__ import annotations

import pytest
from crdt_updates import any_text, block, compacted, deleted, gc, item, one, replica, text, update, values
from replica_fuzz import drain

from motet.crdt.replica import Replica
from motet.errors import IdConflict

HELLO = one(7, 0, text("hello"))

SAME = {
    "in one": (HELLO, HELLO),
    "in parts": (HELLO, one(7, 0, text("he"), text("l", origin=(7, 1)), text("lo", origin=(7, 2)))),
    "without content, deleted": (HELLO, update(block(7, 0, deleted(5)), deletes={7: [(0, 5)]})),
    "without content, collected": (HELLO, one(7, 0, gc(5))),
    "UTF-16": (one(7, 0, text("a😀é日b")), one(7, 0, text("a😀"), text("é日b", origin=(7, 2)))),
    "half a pair, replaced": (one(7, 0, text("a😀b")), one(7, 0, text("a\ufffd"), text("\ufffdb", origin=(7, 1)))),
    "keys in another order": (
        one(7, 0, values(b"\x76\x02\x01a\x7e\x01b\x78")),
        one(7, 0, values(b"\x76\x02\x01b\x78\x01a\x7e")),
    ),
    "a number in another format": (one(7, 0, values(b"\x7d\x01")), one(7, 0, values(b"\x7b\x3f\xf0\0\0\0\0\0\0"))),
    "not a number": (one(7, 0, values(b"\x7c\x7f\xc0\0\0")), one(7, 0, values(b"\x7b\x7f\xf8\0\0\0\0\0\0"))),
    "values in parts": (
        one(7, 0, values(b"\x7e", any_text("x"), b"\x78")),
        one(7, 0, values(b"\x7e"), values(any_text("x"), b"\x78", origin=(7, 0))),
    ),
    "JSON in another spelling": (
        one(7, 0, item(5, b'\x10{"a":1.0,"b":[]}')),
        one(7, 0, item(5, b'\x0f{"b":[], "a":1}')),
    ),
    "a format": (one(7, 0, item(6, b"\4bold\4true")), one(7, 0, item(6, b"\4bold\5true "))),
    "JSON values": (one(7, 0, item(2, b"\2\x09undefined\x031.0")), one(7, 0, item(2, b"\2\x09undefined\x011"))),
    "a subdocument with fewer options": (one(7, 0, item(9, b"\1g\x76\1\1a\x7e")), one(7, 0, item(9, b"\1g\x76\0"))),
}
OTHER = {
    "other text": (HELLO, one(7, 0, text("hullo"))),
    "other text in parts": (HELLO, one(7, 0, text("he"), text("x", origin=(7, 1)))),
    "other text and more": (HELLO, one(7, 2, text("xlo!", origin=(7, 1)))),
    "another parent": (HELLO, one(7, 0, text("hello", parent="u"))),
    "another key": (
        one(7, 0, values(b"\x7e", parent="m", sub="k")),
        one(7, 0, values(b"\x7e", parent="m", sub="l")),
    ),
    "another origin": (
        update(block(7, 0, text("x", origin=(8, 0))), block(8, 0, text("ab"))),
        one(7, 0, text("x", origin=(8, 1))),
    ),
    "another right origin": (
        update(block(7, 0, text("x", right=(8, 0))), block(8, 0, text("ab"))),
        one(7, 0, text("x", right=(8, 1))),
    ),
    "a place inside": (HELLO, one(7, 2, text("llo", origin=(7, 0)))),
    "another kind": (HELLO, one(7, 0, values(*[b"\x7e"] * 5))),
    "another value": (one(7, 0, values(b"\x7d\1")), one(7, 0, values(b"\x7d\2"))),
    "another embed": (one(7, 0, item(5, b"\2{}")), one(7, 0, item(5, b"\2[]"))),
    "another format": (one(7, 0, item(6, b"\4bold\4true")), one(7, 0, item(6, b"\4bald\4true"))),
    "another subdocument": (one(7, 0, item(9, b"\1g\x76\0")), one(7, 0, item(9, b"\1h\x76\0"))),
    "another type": (one(7, 0, item(7, b"\0")), one(7, 0, item(7, b"\1"))),
    "other bytes": (one(7, 0, item(3, b"\1a")), one(7, 0, item(3, b"\1b"))),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_in_other_words_is_welcome(name: str) -> None:
    """[C9]"""
    ours, theirs = SAME[name]
    for known, again in ((ours, theirs), (theirs, ours)):
        r = replica(known)
        assert r.take(again, 2) >= 0
        assert drain(replica(known), again, 2) >= 0


def test_a_part_that_is_known_is_cut_off_what_is_new() -> None:
    """[C9]"""
    r = replica(HELLO)
    assert r.take(one(7, 2, text("llo!", origin=(7, 1))), 2) == 0
    assert r.encode() == one(7, 0, text("hello!"))


@pytest.mark.parametrize("name", OTHER)
def test_something_else_is_refused_with_nothing_changed(name: str) -> None:
    """[C9]"""
    ours, theirs = OTHER[name]
    r = replica(ours)
    before = r.encode(), r.state_hash(), r.size
    for again in (theirs, update(block(99, 0, text("fine", parent="elsewhere")), theirs[1:-1])):
        with pytest.raises(IdConflict):
            r.take(again, 2)
        with pytest.raises(IdConflict):
            drain(r, again, 2)
    assert (r.encode(), r.state_hash(), r.size) == before
    assert r.news() is None


def test_where_compaction_dropped_the_content_anything_is_accepted() -> None:
    """[C10]"""
    r = compacted(replica(HELLO, update(deletes={7: [(1, 3)]})))
    assert r.take(one(7, 0, text("hxxxo")), 2) == 0
    assert r.news() is None
    with pytest.raises(IdConflict):
        r.take(one(7, 0, text("hxxxx")), 2)


def test_comparing_takes_each_struct_apart_once() -> None:
    """[C9] 20,000 pieces of a megabyte that is not ASCII: quadratic, this would be half a minute."""
    big = "é" * 500_000
    r = Replica()
    assert drain(r, one(7, 0, text(big)), 1) == 0
    pieces = [text("é" * 25, origin=(7, k - 1) if k else None) for k in range(0, 500_000, 25)]
    assert drain(r, one(7, 0, *pieces), 2) == 0
    assert r.take(one(7, 0, *pieces), 2) == 0
    assert r.news() is not None
    assert r.news() is None
