"""Deleted ranges in pages, against a plain set."""

from __future__ import annotations

import random
import secrets

import pytest

from motet.crdt.replica.ranges import PAGE, Page, Ranges
from motet.varint import read


def decode(encoded: bytes) -> list[tuple[int, int]]:
    count, at = read(encoded, 0)
    out = []
    for _ in range(count):
        a, at = read(encoded, at)
        n, at = read(encoded, at)
        out.append((a, a + n))
    assert at == len(encoded)
    return out


def runs(clocks: set[int]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for clock in sorted(clocks):
        if out and out[-1][1] == clock:
            out[-1] = (out[-1][0], clock + 1)
        else:
            out.append((clock, clock + 1))
    return out


@pytest.mark.parametrize("seed", [1, 2, None])
@pytest.mark.parametrize(("span", "longest", "turns"), [(300, 20, 400), (30_000, 3, 8_000), (30_000, 3_000, 400)])
def test_ranges_behave_as_a_set(seed: int | None, span: int, longest: int, turns: int) -> None:
    """[C13]"""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    rnd = random.Random(seed)
    ranges, clocks = Ranges(), set[int]()
    for turn in range(turns):
        a = rnd.randrange(span)
        z = a + rnd.randrange(1, longest + 1)
        new = ranges.add(a, z)
        assert {k for low, high in new for k in range(low, high)} == set(range(a, z)) - clocks
        assert all(low < high for low, high in new)
        clocks |= set(range(a, z))
        if turn % 100 == 0:
            expected = runs(clocks)
            assert decode(ranges.encode()) == expected
            assert ranges.count == len(expected)
            assert all(page.count <= PAGE for page in ranges.pages)
            low, high = sorted((rnd.randrange(span), rnd.randrange(1, span)))
            assert list(ranges.within(low, high)) == runs(clocks & set(range(low, high)))
            below = b"".join(encoded for _, encoded in ranges.below(high))
            assert sum(count for count, _ in ranges.below(high)) == len(runs(clocks & set(range(high))))
            assert len(below) <= len(ranges.encode())
            assert (low in ranges) == (low in clocks)


def test_pages_stay_bytes_until_somebody_asks() -> None:
    """[C14]"""
    ranges = Ranges()
    for a in range(0, 10_000, 3):
        ranges.add(a, a + 1)
    stored = Ranges()
    for page in ranges.pages:
        stored.append(Page.stored(page.low, page.count, page.encode()))
    assert stored.encode() == ranges.encode()
    assert stored.add(9_001, 9_002) == [(9_001, 9_002)]
    assert stored.add(9_000, 9_003) == [(9_002, 9_003)]
    assert list(stored.within(0, 7)) == [(0, 1), (3, 4), (6, 7)]
