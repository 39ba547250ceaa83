"""The yjs dialect against y-protocols' own encoders (vectors.mjs says how vectors.json was made)."""

import json
import random
from pathlib import Path

import pytest

from motet import varint
from motet.errors import ProtocolViolation
from motet.sync import YJS, Awareness, QueryAwareness, SyncStep1, SyncStep2, Update

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
YJS_VECTORS = {key: bytes.fromhex(value) for key, value in VECTORS["yjs"].items()}
UPDATE = bytes.fromhex(VECTORS["payload"]["update"])
AWARENESS = bytes.fromhex(VECTORS["payload"]["awareness"])
STATE_VECTOR = bytes.fromhex("010702")


def test_what_y_websocket_sends_is_decoded() -> None:
    """[S2]"""
    assert YJS.decode(YJS_VECTORS["step1_empty"]) == (SyncStep1("", b"\0"),)
    assert YJS.decode(YJS_VECTORS["step1"]) == (SyncStep1("", STATE_VECTOR),)
    assert YJS.decode(YJS_VECTORS["step2"]) == (SyncStep2("", UPDATE),)
    assert YJS.decode(YJS_VECTORS["update"]) == (Update("", UPDATE),)
    assert YJS.decode(YJS_VECTORS["awareness"]) == (Awareness("", AWARENESS),)
    assert YJS.decode(YJS_VECTORS["query_awareness"]) == (QueryAwareness(""),)


def test_messages_keep_their_types() -> None:
    """[S2] Equality of tuples would not tell an Update from a SyncStep2."""
    assert type(YJS.decode(YJS_VECTORS["update"])[0]) is Update
    assert type(YJS.decode(YJS_VECTORS["step2"])[0]) is SyncStep2
    assert type(YJS.decode(YJS_VECTORS["step1"])[0]) is SyncStep1
    assert type(YJS.decode(YJS_VECTORS["awareness"])[0]) is Awareness


def test_what_is_sent_is_what_y_protocols_writes() -> None:
    """[S2]"""
    assert YJS.sync_step1("", STATE_VECTOR) == YJS_VECTORS["step1"]
    assert YJS.sync_step2("", UPDATE) == YJS_VECTORS["step2"]
    assert YJS.update("", UPDATE) == YJS_VECTORS["update"]
    assert YJS.awareness("", AWARENESS) == YJS_VECTORS["awareness"]
    assert YJS.denied("", "not yours") == YJS_VECTORS["denied"]


def test_what_a_y_websocket_client_cannot_be_told_is_none() -> None:
    """[S3]"""
    assert YJS.sync_status("", True) is None
    assert YJS.authenticated("", False) is None
    assert YJS.token_request("") is None
    assert YJS.stateless("", "hey") is None
    assert YJS.close("", "bye") is None
    assert YJS.query_awareness("") is None
    assert YJS.ping("") is None
    assert YJS.pong("") is None


@pytest.mark.parametrize("payload", [b"\2\0\0", b"\4", b"\x7d\1\2", b"\xac\2anything"])
def test_messages_that_are_not_for_a_server_are_passed_over(payload: bytes) -> None:
    """[S4]"""
    assert YJS.decode(payload) == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\0\2",
        b"\0\2\5abc",
        b"\0\2\x80",
        b"\0\3\0",
        b"\1\2a",
        b"\1",
        b"\xff" * 12,
        b"\0\2\xff\xff\xff\xff\xff\xff\xff\x0f",
    ],
)
def test_bytes_that_are_no_message_are_a_violation(payload: bytes) -> None:
    """[S4]"""
    with pytest.raises(ProtocolViolation):
        YJS.decode(payload)


def test_bytes_after_the_last_field_are_ignored() -> None:
    """[S5]"""
    assert YJS.decode(YJS_VECTORS["update"] + b"\7later") == (Update("", UPDATE),)
    assert YJS.decode(YJS_VECTORS["awareness"] + b"\7") == (Awareness("", AWARENESS),)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 16383, 16384, 100_000])
def test_data_of_any_size_comes_back(size: int) -> None:
    """[S2]"""
    data = random.Random(size).randbytes(size)
    assert YJS.decode(YJS.update("", data)) == (Update("", data),)
    assert YJS.decode(YJS.sync_step2("", data)) == (SyncStep2("", data),)
    assert YJS.decode(YJS.sync_step1("", data)) == (SyncStep1("", data),)
    assert YJS.decode(YJS.awareness("", data)) == (Awareness("", data),)


def test_a_length_in_a_longer_form_than_needed_is_read() -> None:
    """[S2] lib0 reads such numbers, so they are messages."""
    assert YJS.decode(b"\x80\0\x82\0\x83\0abc") == (Update("", b"abc"),)
    assert varint.read(b"\x83\0", 0) == (3, 2)
