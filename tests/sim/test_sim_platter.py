"""What a power cut leaves of writes that were not synced."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from motet.simulation.platter import SECTOR, File, Survival, Tree
from support import seeds

SIZE = 8 * SECTOR


def written(seed: int) -> tuple[File, list[bytes]]:
    """A file of sectors whose writes were not synced: a byte for each, as of before and after each write."""
    rnd = random.Random(seed)
    file = File(bytes(SIZE))
    states = [bytes(SIZE)]
    for n in range(1, 6):
        offset = rnd.randrange(SIZE - 1)
        data = bytes([n]) * rnd.randint(1, SIZE - offset)
        file.pending.append((offset, data))
        states.append(states[-1][:offset] + data + states[-1][offset + len(data) :])
    return file, states


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_each_byte_is_as_one_of_the_writes_left_it(seed: int) -> None:
    for n in range(seed, seed + 100):
        file, states = written(n)
        file.lose(Survival.RANDOM, random.Random(n))
        assert len(file.durable) == SIZE
        for i, byte in enumerate(file.durable):
            assert byte in {state[i] for state in states}, n


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_of_a_prefix_the_first_writes_are_whole_and_the_last_is_torn_in_one_place(seed: int) -> None:
    for n in range(seed, seed + 100):
        file, states = written(n)
        file.lose(Survival.PREFIX, random.Random(n))
        durable = bytes(file.durable)
        assert any(_is_between(durable, before, after) for before, after in pairwise(states)), n


def _is_between(durable: bytes, before: bytes, after: bytes) -> bool:
    """As after up to some byte, as before from there on."""
    same = next((i for i, byte in enumerate(durable) if byte != after[i]), SIZE)
    return durable[same:] == before[same:]


def test_all_and_nothing_are_what_they_say() -> None:
    file, states = written(1)
    file.lose(Survival.ALL, random.Random(1))
    assert file.durable == states[-1]
    file, states = written(1)
    file.lose(Survival.NONE, random.Random(1))
    assert file.durable == states[0]


def test_a_file_that_grew_is_sometimes_zeros_where_it_was_not_written() -> None:
    grown = set()
    for n in range(50):
        file = File()
        file.pending += [(0, b"x" * SECTOR), (SECTOR, b"y" * SECTOR)]
        file.lose(Survival.RANDOM, random.Random(n))
        grown.add(bytes(file.durable))
    assert {b"", bytes(2 * SECTOR), b"x" * SECTOR + b"y" * SECTOR} <= grown


def test_a_cut_is_undone_like_a_write() -> None:
    file = File(b"content")
    file.pending.append((3, None))
    file.lose(Survival.NONE, random.Random(1))
    assert file.durable == b"content"
    file.pending.append((3, None))
    file.sync()
    assert file.durable == b"con"


def test_names_are_undone_from_the_last_one_on() -> None:
    kept = set()
    for n in range(50):
        tree = Tree()
        for name in ("a", "b", "below/c"):
            tree.create(name).sync()
        tree.sync_directory("below")
        tree.lose(None, random.Random(n))
        kept.add(tuple(sorted(tree.files)))
    assert kept == {("below/c",), ("a", "below/c"), ("a", "b", "below/c")}
