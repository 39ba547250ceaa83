"""Compaction: deleted content goes, ids and places stay, memory follows what is alive."""

from __future__ import annotations

import gc as collector
import json
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from crdt_updates import (
    any_text,
    array_type,
    block,
    compacted,
    deleted,
    gc,
    map_type,
    one,
    replica,
    text,
    update,
    values,
)
from replica_fuzz import FUZZ, node

from motet.crdt.replica import Replica
from motet.crdt.replica.lane import Lane


def test_deleted_text_keeps_its_ids_and_its_place() -> None:
    """[C11]"""
    r = compacted(replica(one(7, 0, text("hello world")), update(deletes={7: [(2, 5)]})))
    expected = one(7, 0, text("he"), deleted(5, origin=(7, 1)), text("orld", origin=(7, 6)), deletes={7: [(2, 5)]})
    assert r.encode() == expected
    assert r.garbage == 0


def test_deleted_runs_that_follow_each_other_are_one() -> None:
    """[C11]"""
    r = replica(
        one(7, 0, text("ab"), values(b"\x7e", origin=(7, 1)), text("cd", origin=(7, 2))), update(deletes={7: [(0, 5)]})
    )
    assert compacted(r).encode() == one(7, 0, deleted(5), deletes={7: [(0, 5)]})


def test_a_value_overwritten_thousands_of_times_is_one_struct_and_a_value() -> None:
    """[C11] [C13]"""
    r = Replica()
    for k in range(5_000):
        origin = (7, k - 1) if k else None
        r.take(
            one(
                7,
                k,
                values(any_text(f"v{k}"), origin=origin, parent="m", sub="key"),
                deletes={7: [(k - 1, 1)]} if k else None,
            ),
            1,
        )
    assert len(compacted(r).encode()) < 60
    assert r.size < 2_000


def test_children_of_deleted_types_become_gc_and_the_types_do_not() -> None:
    """[C11]"""
    r = replica(
        one(7, 0, map_type("board", "note"), values(b"\x7e", parent=(7, 0), sub="x"), values(b"\x78", origin=(7, 1))),
        one(8, 0, array_type(parent=(7, 0), sub="list"), values(b"\x7e", b"\x7e", parent=(8, 0))),
        update(deletes={7: [(0, 3)], 8: [(0, 3)]}),
    )
    compacted(r)
    expected = update(
        block(8, 0, gc(3)),
        block(7, 0, b"\x21\1\5board\4note\1", gc(2)),
        deletes={8: [(0, 3)], 7: [(0, 3)]},
    )
    assert r.encode() == expected


def test_a_late_child_of_a_deleted_type_is_gc_like_in_every_reader() -> None:
    """[C11] Its delete never travels: every reader makes it from the dead parent."""
    r = compacted(replica(one(7, 0, map_type("m", "k")), update(deletes={7: [(0, 1)]})))
    assert r.take(one(9, 0, values(b"\x7e", parent=(7, 0), sub="late"), text("tail", parent="t")), 2) == 0
    assert r.take(one(9, 5, *[text("x" * 3_000, origin=(9, 4))] * 3), 2) == 0
    assert block(9, 0, gc(1))[3:] in compacted(r).encode()


def test_what_is_alive_is_squashed_where_yjs_would() -> None:
    """[C11] But for the values of a map, of which a reader would keep the last only."""
    steps = [one(7, k, values(b"\x7e", origin=(7, k - 1) if k else None)) for k in range(600)]
    assert len(compacted(replica(*steps, one(7, 600, *[text("x" * 3_000, origin=(7, 599))] * 4))).encode()) < 13_000
    entries = one(7, 0, values(b"\x7e", parent="m", sub="k"), values(b"\x78", origin=(7, 0)), *[gc(1)] * 2_000)
    assert compacted(replica(entries)).encode() == one(
        7, 0, values(b"\x7e", parent="m", sub="k"), values(b"\x78", origin=(7, 0)), gc(2_000), deletes={7: [(2, 2_000)]}
    )


def test_compaction_twice_changes_nothing_more() -> None:
    """[C11]"""
    r = compacted(replica(one(7, 0, text("hello world")), update(deletes={7: [(2, 5), (8, 1)]})))
    once = r.encode()
    assert compacted(r).encode() == once


@pytest.mark.parametrize(("size", "times"), [(1_000, 200_000), (1_000_000, 200)])
def test_two_hundred_megabytes_of_overwritten_values_leave_next_to_nothing(size: int, times: int) -> None:
    """[C13] Neither in memory nor in what is stored, without anybody asking for a compaction."""
    value, r = any_text("x" * size), Replica()
    tracemalloc.start() if times < 1_000 else None
    for k in range(times):
        origin = (7, k - 1) if k else None
        gone = {7: [(k - 1, 1)]} if k else None
        r.take(one(7, k, values(value, origin=origin, parent="m", sub="key"), deletes=gone), 1)
        r.news()
        assert r.size < 3 * size + 200_000
    if times < 1_000:
        assert tracemalloc.get_traced_memory()[0] < 6 * size
        tracemalloc.stop()
    assert len(r.encode()) < 2 * size + 200_000
    assert len(compacted(r).encode()) < size + 100


def test_deleting_a_big_document_at_once_rewrites_it_piece_by_piece() -> None:
    """[C13] Each update rewrites one segment: select all and delete stalls nobody."""
    r = replica(*[one(7, 2_000 * k, text("x" * 2_000, origin=(7, 2_000 * k - 1) if k else None)) for k in range(500)])
    r.take(update(deletes={7: [(0, 1_000_000)]}), 1)
    assert r.size > 900_000
    for k in range(130):
        r.take(one(8, k, values(b"\x7e", origin=(8, k - 1) if k else None)), 1)
    assert r.size < 180_000


def test_an_offline_edit_survives_the_compaction_of_its_neighbours(tmp_path: Path) -> None:
    """[C11] Late inserts into deleted text, undo after compaction, clients without GC: against real Yjs."""
    run = node()
    subprocess.run([run, "offline.mjs", "make", str(tmp_path)], cwd=FUZZ, check=True)
    stories = json.loads((tmp_path / "stories.json").read_text())
    assert len(stories) >= 6
    for story in stories:
        r = replica(*[bytes.fromhex(u) for u in story["before"]])
        compacted(r)
        for u in story["after"]:
            assert r.take(bytes.fromhex(u), 2) == 0
        story["result"] = r.encode().hex()
        story["compacted"] = compacted(r).encode().hex()
    (tmp_path / "played.json").write_text(json.dumps(stories))
    judged = subprocess.run(
        [run, "offline.mjs", "check", str(tmp_path)], cwd=FUZZ, check=True, capture_output=True, text=True
    )
    assert json.loads(judged.stdout) == []


def test_of_a_document_that_is_let_go_nothing_is_left_to_the_garbage_collector() -> None:
    """[R18] Segments that are to be rewritten were held by their lanes, and held them."""
    collector.collect()
    collector.disable()
    try:
        r = replica(
            one(7, 0, *(text("x" * 1000) if not k else text("x" * 1000, origin=(7, 1000 * k - 1)) for k in range(9)))
        )
        r.take(update(deletes={7: [(0, 8000)]}), 1)
        assert r.garbage > 4000
        del r
        assert not [each for each in collector.get_objects() if type(each) is Lane and each.client == 7]
    finally:
        collector.enable()
