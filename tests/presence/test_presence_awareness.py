"""The awareness codec against y-protocols' own encoder (vectors of tests/sync/vectors.mjs)."""

import json
import random
from pathlib import Path

import pytest

from motet.errors import ProtocolViolation
from motet.presence import EMPTY, Entry, decode, encode

VECTORS = json.loads((Path(__file__).parents[1] / "sync" / "vectors.json").read_text())
VECTOR = bytes.fromhex(VECTORS["payload"]["awareness"])
ZOE = Entry(7, 1, '{"user":{"name":"Zoë"}}')


def test_what_y_protocols_writes_is_read_and_written() -> None:
    """[A1]"""
    assert decode(VECTOR) == (ZOE,)
    assert encode([ZOE]) == VECTOR
    assert decode(EMPTY) == ()
    assert encode([]) == EMPTY


def test_entries_of_any_size_come_back() -> None:
    """[A1]"""
    rng = random.Random(1)
    entries = tuple(
        Entry(rng.randrange(2**53), rng.randrange(2**40), json.dumps("é" * rng.choice((0, 1, 60, 200, 5000))))
        for _ in range(300)
    )
    assert decode(encode(entries)) == entries


@pytest.mark.parametrize("state", ["null", " null", "null\n"])
def test_null_however_it_is_written_means_gone(state: str) -> None:
    """[A1]"""
    assert decode(encode([Entry(1, 1, state)])) == (Entry(1, 1, "null"),)


@pytest.mark.parametrize("state", ['{"a": 1}', "[]", '"x"', "1e400", "true", '"\\ud800"', ' {"a":1}\n'])
def test_whatever_json_parse_takes_is_a_state(state: str) -> None:
    """[A2]"""
    assert decode(encode([Entry(1, 1, state)])) == (Entry(1, 1, state),)


@pytest.mark.parametrize(
    "state",
    ["", "NaN", "Infinity", "-Infinity", "{'a':1}", '{"a":1} x', "undefined", "\ufeff{}", '"\n"', "[" * 20_000, "01"],
)
def test_what_would_throw_in_every_client_is_a_violation(state: str) -> None:
    """[A2]"""
    with pytest.raises(ProtocolViolation):
        decode(encode([Entry(1, 1, state)]))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\1",
        b"\1\7\1",
        b"\1\7\1\5nul",
        b"\2\7\1\4null",
        b"\xff\xff\xff\xff\xff\xff\xff\x0f" + b"\7\1\4null",
        b"\xff" * 12,
        b"\1\7\1\2\xff\xfe",
    ],
)
def test_bytes_that_are_no_update_are_a_violation(payload: bytes) -> None:
    """[A2]"""
    with pytest.raises(ProtocolViolation):
        decode(payload)


def test_every_client_that_is_told_it_is_gone_raises_its_clock() -> None:
    """[A9] By itself, but for Hocuspocus 4.8, which must be asked; it had been told null at clock 1."""
    raised = encode([Entry(7, 2, '{"a":1}')])
    for client, sent in VECTORS["provoked"].items():
        if client == "Hocuspocus 4.8.0":
            assert sent == []
        else:
            assert [bytes.fromhex(text)[-len(raised) :] for text in sent] == [raised], client
    assert len(VECTORS["provoked"]) == 9
