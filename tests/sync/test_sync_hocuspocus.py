"""The hocuspocus dialect against the real providers and server (vectors.mjs says how vectors.json was made)."""

import json
import random
from pathlib import Path

import pytest

from motet.errors import ProtocolViolation
from motet.sync import (
    HOCUSPOCUS,
    Auth,
    Awareness,
    BroadcastStateless,
    Leave,
    Ping,
    Pong,
    QueryAwareness,
    Stateless,
    SyncStep1,
    SyncStep2,
    Update,
    split_address,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
SERVER = {key: bytes.fromhex(value) for key, value in VECTORS["server"].items()}
PROVIDERS = {key: [bytes.fromhex(sent) for sent in value] for key, value in VECTORS["providers"].items()}
UPDATE = bytes.fromhex(VECTORS["payload"]["update"])
AWARENESS = bytes.fromhex(VECTORS["payload"]["awareness"])
NAME = "café"
PREFIX = b"\5" + NAME.encode()


def heard(version: str) -> list[object]:
    return [message for payload in PROVIDERS[version] for message in HOCUSPOCUS.decode(payload)]


def awareness(clock: int, state: str) -> Awareness:
    return Awareness(NAME, bytes((1, 7, clock, len(state))) + state.encode())


@pytest.mark.parametrize("version", ["2.15.3", "3.4.4", "4.8.0"])
def test_a_whole_session_of_each_provider_is_decoded(version: str) -> None:
    """[H1]"""
    last_words = {
        "2.15.3": [awareness(2, "null"), Leave(NAME), awareness(3, "null")],
        "3.4.4": [awareness(2, "null"), Leave(NAME)],
        "4.8.0": [Pong(""), awareness(2, "null"), Leave(NAME)],
    }
    expected = [
        Auth(NAME, "tok", "4.8.0" if version == "4.8.0" else ""),
        SyncStep1(NAME, b"\0"),
        awareness(0, "{}"),
        Update(NAME, UPDATE),
        Stateless(NAME, "hey"),
        Awareness(NAME, AWARENESS),
        SyncStep2(NAME, UPDATE),
        Awareness(NAME, AWARENESS),
        *last_words[version],
    ]
    messages = heard(version)
    assert messages == expected
    assert [type(m) for m in messages] == [type(m) for m in expected]


def test_provider_2_15_without_a_token_begins_with_sync_step_1() -> None:
    """[H2]"""
    assert heard("2.15.3 without a token") == [SyncStep1(NAME, b"\0"), Leave(NAME)]


def test_a_session_aware_provider_writes_its_session_into_every_address() -> None:
    """[H3]"""
    address = NAME + "\0s1"
    assert heard("4.8.0 session-aware") == [Auth(address, "", "4.8.0"), SyncStep1(address, b"\0"), Leave(address)]


def test_an_address_is_a_room_name_and_perhaps_a_session() -> None:
    """[H3]"""
    assert split_address("notes/today") == ("notes/today", "")
    assert split_address("notes\0s1") == ("notes", "s1")
    assert split_address("notes\0s1\0more") == ("notes", "s1\0more")
    assert split_address("\0s1") == ("", "s1")


def test_what_is_sent_is_what_the_real_server_writes() -> None:
    """[H1]"""
    assert HOCUSPOCUS.sync_step1(NAME, bytes.fromhex("010702")) == SERVER["step1"]
    assert HOCUSPOCUS.update(NAME, UPDATE) == SERVER["update"]
    assert HOCUSPOCUS.awareness(NAME, AWARENESS) == SERVER["awareness"]
    assert HOCUSPOCUS.query_awareness(NAME) == SERVER["query_awareness"]
    assert HOCUSPOCUS.sync_status(NAME, True) == SERVER["status_true"]
    assert HOCUSPOCUS.sync_status(NAME, False) == SERVER["status_false"]
    assert HOCUSPOCUS.authenticated(NAME, False) == SERVER["authenticated"]
    assert HOCUSPOCUS.authenticated(NAME, True) == SERVER["readonly"]
    assert HOCUSPOCUS.denied(NAME, "permission-denied") == SERVER["denied"]
    assert HOCUSPOCUS.token_request(NAME) == SERVER["token_request"]
    assert HOCUSPOCUS.stateless(NAME, "hey") == SERVER["stateless"]
    assert HOCUSPOCUS.close(NAME, "bye") == SERVER["close"]


def test_sync_step_2_is_never_a_sync_reply() -> None:
    """[H4]"""
    assert HOCUSPOCUS.sync_step2(NAME, UPDATE) == SERVER["update"].replace(b"\0\2", b"\0\1", 1)


def test_pings_and_pongs_are_one_byte_without_an_address() -> None:
    """[H5]"""
    assert HOCUSPOCUS.ping(NAME) == b"\x09"
    assert HOCUSPOCUS.pong(NAME) == b"\x0a"
    assert HOCUSPOCUS.decode(b"\x09") == (Ping(""),)
    assert HOCUSPOCUS.decode(b"\x0a") == (Pong(""),)


def test_a_nine_letter_room_is_not_a_ping() -> None:
    """[H5] Its messages begin with the byte 9 too."""
    assert HOCUSPOCUS.decode(b"\x09ninechars\x03") == (QueryAwareness("ninechars"),)


def test_the_rest_of_what_a_client_may_say_is_decoded() -> None:
    """[H1] SyncReply is Sync; a broadcast is a message of its own."""
    assert HOCUSPOCUS.decode(SERVER["broadcast_stateless"]) == (BroadcastStateless(NAME, "hey"),)
    assert HOCUSPOCUS.decode(SERVER["query_awareness"]) == (QueryAwareness(NAME),)
    assert HOCUSPOCUS.decode(PREFIX + b"\4\0\1\0") == (SyncStep1(NAME, b"\0"),)


@pytest.mark.parametrize("body", [b"\x08\1", b"\x0b", b"\x63abc", b"\2\1\3abc", b"\2\2\3abc"])
def test_messages_that_are_not_for_a_server_are_passed_over(body: bytes) -> None:
    """[S4]"""
    assert HOCUSPOCUS.decode(PREFIX + body) == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\x08",
        b"\5caf",
        PREFIX,
        PREFIX + b"\0",
        PREFIX + b"\0\2",
        PREFIX + b"\0\2\5abc",
        PREFIX + b"\0\7\0",
        PREFIX + b"\2\0",
        PREFIX + b"\2\0\3to",
        PREFIX + b"\5\1\xff",
        b"\2\xff\xfe\0\2\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_bytes_that_are_no_message_are_a_violation(payload: bytes) -> None:
    """[S4]"""
    with pytest.raises(ProtocolViolation):
        HOCUSPOCUS.decode(payload)


def test_bytes_after_the_last_field_are_ignored() -> None:
    """[S5]"""
    assert HOCUSPOCUS.decode(SERVER["update"] + b"\7later") == (Update(NAME, UPDATE),)
    assert HOCUSPOCUS.decode(PROVIDERS["4.8.0"][0] + b"\1\1") == (Auth(NAME, "tok", "4.8.0"),)


@pytest.mark.parametrize(
    "document", ["", "a", "café", "x" * 126, "x" * 127, "x" * 128, "é" * 300, "room\0" + "s" * 200]
)
@pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000])
def test_any_address_and_any_size_come_back(document: str, size: int) -> None:
    """[H1]"""
    data = random.Random(size).randbytes(size)
    assert HOCUSPOCUS.decode(HOCUSPOCUS.update(document, data)) == (Update(document, data),)
    assert HOCUSPOCUS.decode(HOCUSPOCUS.sync_step2(document, data)) == (SyncStep2(document, data),)
    assert HOCUSPOCUS.decode(HOCUSPOCUS.sync_step1(document, data)) == (SyncStep1(document, data),)
    assert HOCUSPOCUS.decode(HOCUSPOCUS.awareness(document, data)) == (Awareness(document, data),)
    assert HOCUSPOCUS.decode(HOCUSPOCUS.stateless(document, "é" * size)) == (Stateless(document, "é" * size),)


def test_more_addresses_than_the_cache_holds_are_all_read_right() -> None:
    """[H1]"""
    for i in range(10_000):
        assert HOCUSPOCUS.decode(HOCUSPOCUS.update(f"room {i}", b"x")) == (Update(f"room {i}", b"x"),)
