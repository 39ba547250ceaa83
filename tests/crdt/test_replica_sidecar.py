"""Opening is a read: everything a replica knew is there again, and what does not fit is refused."""

from __future__ import annotations

import random

import pytest
from crdt_updates import compacted, one, replica, text, update, values, vector
from test_replica_catchup import conversation

from motet.crdt.replica import Replica, read_state_vector
from motet.crdt.replica.check import parse
from motet.errors import MalformedUpdate


def written() -> Replica:
    deletes = {2: [(k, 1) for k in range(0, 4_000, 2)]}
    return replica(*conversation(2_000), update(deletes=deletes), one(9, 0, values(b"\x7e", parent="m", sub="k")))


def test_an_opened_replica_gives_and_takes_as_before() -> None:
    """[C14]"""
    r = written()
    opened = Replica.open(r.encode(), r.sidecar())
    assert opened.encode() == r.encode()
    assert opened.sidecar() == r.sidecar()
    assert opened.state_vector() == r.state_vector()
    assert opened.state_hash() == r.state_hash()
    assert opened.garbage == r.garbage
    assert opened.size == pytest.approx(r.size, rel=0.01)  # a byte more or less for the length of each typing run
    rnd = random.Random(5)
    for _ in range(50):
        some = vector({client: rnd.randrange(20_000) for client in (1, 2, 3)})
        assert opened.diff(some) == r.diff(some)
        assert opened.lacks(some) == r.lacks(some)
    again = Replica.open(r.encode(), r.sidecar())
    more = one(1, _end(r, 1), text("more", origin=(1, _end(r, 1) - 1)), deletes={3: [(0, 700)]})
    assert again.take(more, 1) == r.take(more, 1) == 0
    assert again.news() == r.news()
    assert parse(compacted(again).encode()) == parse(compacted(r).encode())


def _end(r: Replica, client: int) -> int:
    return read_state_vector(r.state_vector())[client]


def test_an_empty_replica_opens() -> None:
    """[C14]"""
    r = Replica.open(Replica().encode(), Replica().sidecar())
    assert r.encode() == b"\0\0"
    assert r.take(one(1, 0, text("a")), 1) == 0


def test_a_sidecar_is_small() -> None:
    """[C14]"""
    r = written()
    assert len(r.sidecar()) < len(r.encode()) // 20


@pytest.mark.parametrize("seed", range(4))
def test_what_does_not_fit_is_refused(seed: int) -> None:
    """[C14] Bytes are checked by the store; a sidecar of another snapshot must not open as something else."""
    r = written()
    encoded, sidecar = r.encode(), r.sidecar()
    r.take(one(50, 0, text("more", parent="u")), 1)
    for other in (r.sidecar(), b"", b"\2" + sidecar[1:], sidecar[:-1], sidecar + b"\0"):
        with pytest.raises(MalformedUpdate):
            Replica.open(encoded, other)
    rnd = random.Random(seed)
    for _ in range(300):
        cut = rnd.randrange(len(sidecar))
        with pytest.raises(MalformedUpdate):
            Replica.open(encoded, sidecar[:cut])
        with pytest.raises(MalformedUpdate):
            Replica.open(encoded[: rnd.randrange(len(encoded))], sidecar)
        mutant = bytearray(sidecar)
        mutant[cut] ^= 1 << rnd.randrange(8)
        try:
            Replica.open(encoded, bytes(mutant))
        except MalformedUpdate:
            continue
