"""Whatever bytes come, a dialect answers with messages or a ProtocolViolation. A failure prints its seed."""

import json
import random
from pathlib import Path

import pytest

from motet.errors import ProtocolViolation
from motet.sync import HOCUSPOCUS, YJS, Dialect
from support.seeds import fresh

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
CORPUS = [
    bytes.fromhex(text)
    for group in (VECTORS["yjs"].values(), VECTORS["server"].values(), *VECTORS["providers"].values())
    for text in group
]
SEEDS = [1, 2, 3, fresh()]


def mutate(rng: random.Random, payload: bytes) -> bytes:
    data = bytearray(payload)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        choice = rng.randrange(5)
        if choice == 0:
            data[at:at] = rng.randbytes(rng.randint(1, 3))
        elif choice == 1:
            del data[at : at + rng.randint(1, 3)]
        elif choice == 2 and at < len(data):
            data[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif choice == 3:
            data = data[:at]
        else:
            data += rng.choice(CORPUS)
    return bytes(data)


@pytest.mark.parametrize("dialect", [YJS, HOCUSPOCUS], ids=lambda d: d.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_and_random_bytes_are_messages_or_a_violation(dialect: Dialect, seed: int) -> None:
    """[S4]"""
    rng = random.Random(seed)
    refused = 0
    for _ in range(5_000):
        payload = mutate(rng, rng.choice(CORPUS)) if rng.random() < 0.8 else rng.randbytes(rng.randint(0, 40))
        try:
            messages = dialect.decode(payload)
        except ProtocolViolation:
            refused += 1
            continue
        assert len(messages) <= 1
        for message in messages:
            assert sum(len(field) for field in message) <= len(payload)
    assert 0 < refused < 5_000
