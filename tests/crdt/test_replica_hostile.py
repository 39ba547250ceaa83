"""Bytes from strangers: nothing but a clean refusal, in time proportional to the bytes, with nothing changed."""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import subprocess
from pathlib import Path

import pytest
from crdt_updates import (
    any_text,
    array_type,
    block,
    compacted,
    gc,
    item,
    map_type,
    one,
    replica,
    skip,
    text,
    update,
    values,
    vector,
)
from replica_fuzz import FUZZ, drain, node

from motet.crdt.replica import MAX_CLIENTS, MAX_CLOCK, MAX_DEPTH, TAKEN, Replica, read_state_vector
from motet.errors import MalformedUpdate
from motet.varint import write

ARRAY_HANG = bytes.fromhex((Path(__file__).parent / "array_hang.hex").read_text().strip())
MANY = b"\xff\xff\xff\xff\xff\xff\xff\x0f"  # 2**53 - 1

FOUND = {  # by running pycrdt 0.14.13
    "segfault once client 7 is known": "010107ffffffff0f040107636f6e74656e740b68656c6c6f20776f726c6400",
    "the next update panics": "010109ffffffffffffff0f48071e0177017a00",
    "panic once client 7 is known": "0100071e0177017a00",
}


def nested(depth: int) -> bytes:
    return b"\x75\x01" * depth + b"\x7e"


REFUSED = {
    "nothing": b"",
    "a block without structs": update(block(7, 0)),
    "an unknown content": one(7, 0, item(9 + 2, b"\1")),
    "a type that Yjs lacks": one(7, 0, item(7, b"\7")),
    "a parent neither named nor an id": one(7, 0, b"\x04\x02\x01t\x01a"),
    "a struct of no ids": one(7, 0, gc(0)),
    "an empty string": one(7, 0, text("")),
    "no values": one(7, 0, values()),
    "bytes after the end": one(7, 0, text("a")) + b"\0",
    "a byte less": one(7, 0, text("a"))[:-1],
    "a string longer than the update": one(7, 0, b"\x04\x01\x01t\x20abc"),
    "a byte string longer than the update": one(7, 0, item(3, b"\xff\x7f")),
    "text that is not UTF-8": one(7, 0, b"\x04\x01\x01t\x02\xc3\x28"),
    "half a surrogate pair": one(7, 0, text("\ud800")),
    "a key that is not UTF-8": one(7, 0, b"\x28\x01\x01t\x01\xff\x01\x7e"),
    "a value that is not UTF-8": one(7, 0, values(b"\x77\x01\xff")),
    "an unknown value": one(7, 0, values(b"\x01")),
    "an integer of eleven bytes": one(7, 0, values(b"\x7d" + b"\xff" * 10 + b"\1")),
    "values too deep": one(7, 0, values(nested(MAX_DEPTH + 1))),
    "values very deep": one(7, 0, values(nested(15_000))),
    "objects very deep": one(7, 0, values(b"\x76\x01\x01a" * 15_000 + b"\x7e")),
    "JSON too deep": one(7, 0, item(5, write(2 * 101) + b"[" * 101 + b"]" * 101)),
    "JSON very deep": one(7, 0, item(5, write(30_000) + b"[" * 30_000)),
    "JSON that is none": one(7, 0, item(5, b"\x05{'a'}")),
    "JSON NaN": one(7, 0, item(6, b"\x04bold\x03NaN")),
    "a JSON array that is none": one(7, 0, item(2, b"\1\1x")),
    "subdocument options too deep": one(7, 0, item(9, b"\1g" + nested(MAX_DEPTH + 1))),
    "a clock of 2**31": one(7, MAX_CLOCK - 1, text("a")),
    "clocks past 2**31": one(7, MAX_CLOCK - 2, text("aa")),
    "a GC past 2**31": one(7, 0, gc(MAX_CLOCK)),
    "a client of 2**53": update(b"\1" + write(2**53) + b"\0" + text("a")),
    "a delete past 2**31": update(deletes={7: [(MAX_CLOCK - 1, 1)]}),
    "an origin in its own future": one(7, 0, text("a", origin=(7, 0))),
    "a right origin in its own future": one(7, 0, text("a", right=(7, 3))),
    "a parent in its own future": one(7, 0, text("a", parent=(7, 1))),
    "two blocks of one client": update(block(7, 0, text("a")), block(7, 1, text("b"))),
    "blocks without bytes": MANY,
    "structs without bytes": b"\1" + MANY + b"\7\0",
    "values without bytes": one(7, 0, item(8, MANY)),
    "nested values without bytes": one(7, 0, item(8, b"\1\x75" + MANY)),
    "JSON texts without bytes": one(7, 0, item(2, MANY)),
    "delete sets without bytes": b"\0" + MANY,
    "deletes without bytes": b"\0\1\7" + MANY,
    **{name: bytes.fromhex(hexed) for name, hexed in FOUND.items()},
}


def state(r: Replica) -> tuple[bytes, bytes, str, int, int]:
    return r.encode(), r.state_vector(), r.state_hash(), r.size, r.waiting_bytes


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_nothing_changed(name: str) -> None:
    """[C3]"""
    known = one(7, 0, text("hello"))
    r = replica(known)
    before = state(r)
    with pytest.raises(MalformedUpdate):
        r.take(REFUSED[name], 2)
    with pytest.raises(MalformedUpdate):
        drain(r, REFUSED[name], 2)
    with pytest.raises(MalformedUpdate):
        Replica.load(REFUSED[name])
    assert state(r) == before
    assert r.news() is None
    assert r.take(one(7, 5, text("!", origin=(7, 4))), 1) == 0


def test_what_nests_as_deep_as_allowed_is_taken() -> None:
    """[C3]"""
    json = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    flat = b"[" + b"{}," * 500 + b'"[[[[["]'
    replica(
        one(7, 0, values(nested(MAX_DEPTH))),
        one(8, 0, item(5, write(len(json)) + json)),
        one(9, 0, item(5, write(len(flat)) + flat)),
    )


def test_a_list_item_between_two_lists_is_refused() -> None:
    """[C4] pycrdt's Array.to_py never returns from one."""
    with pytest.raises(MalformedUpdate):
        Replica().take(ARRAY_HANG, 1)
    lists = one(7, 0, text("ab", parent="one"), text("cd", parent="two"), values(b"\x7e", parent="m", sub="key"))
    for torn in (
        text("x", origin=(7, 0), right=(7, 2)),
        text("x", origin=(7, 4), right=(7, 0)),
        text("x", origin=(7, 0), right=(7, 4)),
        text("x", origin=(7, 4), right=(7, 4)),
    ):
        r = replica(lists)
        before = state(r)
        for hostile in (one(8, 0, torn), one(8, 0, text("fine", origin=(7, 1)), torn)):
            with pytest.raises(MalformedUpdate):
                r.take(hostile, 2)
            assert state(r) == before


@pytest.mark.parametrize("size", [3, 126, 200])
def test_typing_is_taken_back_with_the_length_that_it_wrote(size: int) -> None:
    """[C3] [C4] The text of another's that a refused update goes on with is left as it was, its length too."""
    lists = one(6, 0, text("ab", parent="one"), text("cd", parent="two"))
    r = replica(lists, one(7, 0, text("x" * size)))
    before = state(r)
    torn = text("t", origin=(6, 0), right=(6, 2))
    with pytest.raises(MalformedUpdate):
        r.take(one(7, size, text("yy", (7, size - 1)), values(b"\x78", parent="k"), torn), 2)
    assert state(r) == before
    assert r.take(one(7, size, text("z", (7, size - 1))), 1) == TAKEN
    assert r.encode() == replica(lists, one(7, 0, text("x" * size + "z"))).encode()


def test_a_list_item_between_two_lists_that_cannot_be_refused_any_more_becomes_gc() -> None:
    """[C4] Its sender was answered when it was parked."""
    lists = one(7, 0, text("ab", parent="one"), text("cd", parent="two"))
    torn = one(8, 0, text("x", origin=(7, 0), right=(7, 2)))
    r = Replica()
    ticket = r.take(torn, 2)
    assert ticket > 0
    assert r.take(lists, 1) == 0
    news = r.news()
    assert news is not None
    assert news.ripe == (ticket,)
    assert block(8, 0, gc(1)) in r.encode()


def test_lists_stay_known_through_reopening() -> None:
    """[C4]"""
    r = replica(
        one(
            7,
            0,
            array_type(parent="m", sub="a"),
            map_type(parent="m", sub="b"),
            values(b"\x7e", b"\x7e", parent=(7, 0)),
        )
    )
    r = Replica.open(r.encode(), r.sidecar())
    assert r.take(one(8, 0, values(b"\x7e", origin=(7, 2))), 1) == 0
    with pytest.raises(MalformedUpdate):
        r.take(one(9, 0, item(8, b"\1\x7e", origin=(7, 2), right=(7, 0))), 1)


def test_a_parent_that_is_no_type_makes_gc_of_its_child() -> None:
    """[C5] As in Yjs."""
    r = replica(one(7, 0, text("abc")))
    assert r.take(one(8, 0, text("x", parent=(7, 1))), 2) == 0
    news = r.news()
    assert news is not None
    assert news.update == one(8, 0, gc(1), deletes={8: [(0, 1)]})


def test_more_clients_than_the_limit_are_refused() -> None:
    """[C3]"""
    blocks = [block(client, 0, gc(1)) for client in range(MAX_CLIENTS + 1)]
    with pytest.raises(MalformedUpdate, match="clients"):
        Replica().take(write(len(blocks)) + b"".join(blocks) + b"\0", 1)
    r = replica(write(MAX_CLIENTS) + b"".join(blocks[:MAX_CLIENTS]) + b"\0")
    with pytest.raises(MalformedUpdate, match="clients"):
        r.take(one(MAX_CLIENTS + 5, 0, gc(1)), 1)


@pytest.mark.parametrize("bad", [b"", MANY, b"\2\1\1", b"\0\0", b"\1\1", write(MAX_CLIENTS + 1)])
def test_bad_state_vectors_are_refused(bad: bytes) -> None:
    """[C3]"""
    r = replica(one(7, 0, text("abc")))
    with pytest.raises(MalformedUpdate):
        read_state_vector(bad)
    with pytest.raises(MalformedUpdate):
        r.diff(bad)
    with pytest.raises(MalformedUpdate):
        r.lacks(bad)
    with pytest.raises(MalformedUpdate):
        next(r.chunks(bad))


def corpus() -> list[bytes]:
    return [
        one(1, 0, text("hello wörld \U0001f600")),
        one(2, 0, values(any_text("x"), b"\x7d\x05", b"\x76\x01\x01a\x75\x02\x7e\x78", parent="a")),
        update(
            block(3, 0, map_type("m", "k"), values(b"\x7e", parent=(3, 0), sub="q")),
            block(1, 20, skip(2)),
            deletes={1: [(0, 2)], 2: [(1, 1)]},
        ),
        one(4, 0, item(5, b'\x0b{"img":"x"}'), item(6, b"\4bold\4true"), item(9, b"\1g\x76\0"), item(2, b"\1\x03[1]")),
        one(5, 0, text("x", origin=(1, 3), right=(1, 4)), gc(3), text("yz", origin=(5, 0))),
        one(6, 3, text("late")),
        one(1, 14, text("typing", origin=(1, 13))),
    ]


def mutant(rnd: random.Random, valid: list[bytes]) -> bytes:
    """A valid update with a few bytes changed, gone or added."""
    made = bytearray(rnd.choice(valid))
    for _ in range(rnd.randrange(1, 5)):
        at = rnd.randrange(len(made))
        change = rnd.randrange(4)
        if change == 0:
            made[at] = rnd.randrange(256)
        elif change == 1:
            del made[at : at + rnd.randrange(1, 4)]
        elif change == 2:
            made[at:at] = rnd.randbytes(rnd.randrange(1, 4))
        else:
            made[at:at] = rnd.choice((MANY, b"\xff\xff\xff\xff\x07", b"\x80\x00", b"\x7f"))
        made = made or bytearray(1)
    return bytes(made)


@pytest.mark.parametrize("seed", [1, 2, 3, None])
def test_mutated_updates_are_refused_or_taken_and_valid_ones_still_served(seed: int | None) -> None:
    """[C3]"""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    rnd = random.Random(seed)
    valid = corpus()
    r = replica(*valid[:5])
    for turn in range(4_000):
        bad = mutant(rnd, valid)
        before = state(r)
        try:
            if rnd.random() < 0.1:
                drain(r, bad, 2)
            else:
                r.take(bad, 2)
        except MalformedUpdate:
            assert state(r) == before
        r.news()
        if turn % 500 == 0:
            assert Replica.load(r.encode()).state_hash() == r.state_hash()
            fresh = 1_000 + turn
            assert r.take(one(fresh, 0, text("valid", parent=f"root{turn}")), 1) == 0
            assert r.news() is not None
            assert read_state_vector(r.state_vector())[fresh] == 5
            compacted(r)
    assert not r.lacks(vector({1: 14}))


@pytest.mark.node
def test_what_survives_mutation_loads_in_yjs(tmp_path: Path) -> None:
    """[C3] Encoded, compacted, and as news: no stranger's bytes poison the document for its readers."""
    run, seed = node(), secrets.randbelow(1 << 30)
    print(f"seed {seed}")
    encoded: list[str] = []
    for turn in range(60):
        rnd = random.Random(seed + turn)
        valid = corpus()
        r = replica(*valid[:5])
        for _ in range(60):
            with contextlib.suppress(MalformedUpdate):
                r.take(mutant(rnd, valid), 2)
        encoded.append(r.encode().hex())
        encoded.append(compacted(r).encode().hex())
    (tmp_path / "encoded.json").write_text(json.dumps(encoded))
    command = [run, "loads.mjs", str(tmp_path / "encoded.json")]
    judged = subprocess.run(command, cwd=FUZZ, check=True, capture_output=True, text=True)
    assert json.loads(judged.stdout) == [], f"seed {seed}"


def test_a_gc_struct_with_flags_is_refused() -> None:
    """[C3] Yjs reads it, yrs cannot: one would spoil the room for pycrdt clients and all views."""
    replica = Replica()
    with pytest.raises(MalformedUpdate):
        replica.take(bytes.fromhex("01014d008001014d010001"), 1)
    assert replica.take(bytes.fromhex("01014d000001014d010001"), 1) == TAKEN
