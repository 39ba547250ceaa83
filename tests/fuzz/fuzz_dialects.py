"""Every decoder that a stranger's bytes reach first: a message, or a refusal; and what is a message can be said again.

The encoders here are the clients', written from y-protocols and the provider, so that a mistake in Motet's own cannot
prove itself right; where the server says the same thing, its encoder must be read back too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from choices import Choices

from motet.crdt.replica import read_state_vector, state_vector
from motet.errors import MalformedUpdate, ProtocolViolation
from motet.presence.awareness import GONE, decode, encode, scan
from motet.presence.identity import Identity, Stamp
from motet.sync import (
    HOCUSPOCUS,
    YJS,
    Auth,
    Awareness,
    BroadcastStateless,
    Dialect,
    Leave,
    Message,
    Ping,
    Pong,
    QueryAwareness,
    Stateless,
    SyncStep1,
    SyncStep2,
    Update,
    address_of,
    split_address,
)
from motet.varint import write_bytes

IDENTITY: Final = Identity("u1", "Ada", "#123456")
STAMPED: Final = {"id": "u1", "name": "Ada", "color": "#123456"}


def _yjs(message: Message) -> bytes:
    match message:
        case SyncStep1(_, data):
            return b"\0\0" + write_bytes(data)
        case SyncStep2(_, data):
            return b"\0\1" + write_bytes(data)
        case Update(_, data):
            return b"\0\2" + write_bytes(data)
        case Awareness(_, data):
            return b"\1" + write_bytes(data)
        case QueryAwareness():
            return b"\3"
    raise AssertionError(f"no y-websocket client says {message}")


def _hocuspocus(message: Message) -> bytes:
    address = write_bytes(message.document.encode())
    match message:
        case Ping():
            return b"\x09"
        case Pong():
            return b"\x0a"
        case Auth(_, token, version):
            said = b"\2\0" + write_bytes(token.encode())
            return address + said + (write_bytes(version.encode()) if version else b"")
        case Stateless(_, payload):
            return address + b"\5" + write_bytes(payload.encode())
        case BroadcastStateless(_, payload):
            return address + b"\6" + write_bytes(payload.encode())
        case Leave():
            return address + b"\7" + write_bytes(b"bye")
    return address + _yjs(message)


def _as_the_server(dialect: Dialect, message: Message) -> bytes | None:
    """The same in the server's words, where it has them."""
    document = message.document
    match message:
        case SyncStep1(_, data):
            return dialect.sync_step1(document, data)
        case SyncStep2(_, data):
            return dialect.sync_step2(document, data)
        case Update(_, data):
            return dialect.update(document, data)
        case Awareness(_, data):
            return dialect.awareness(document, data)
        case QueryAwareness():
            return dialect.query_awareness(document)
        case Stateless(_, payload):
            return dialect.stateless(document, payload)
        case Ping():
            return dialect.ping(document)
        case Pong():
            return dialect.pong(document)
    return None


def _dialect(dialect: Dialect, say: Callable[[Message], bytes], data: bytes) -> None:
    try:
        messages = dialect.decode(data)
    except ProtocolViolation:
        return
    assert len(messages) <= 1
    for message in messages:
        assert sum(len(field) for field in message) <= len(data)
        assert tuple(dialect.decode(say(message))) == (message,)
        if not isinstance(message, Auth | Ping | Pong):  # whose length is a part of what they say
            assert tuple(dialect.decode(say(message) + b"\0\1")) == (message,)
        said = _as_the_server(dialect, message)
        assert said is None or tuple(dialect.decode(said)) == (message,)


def _yjs_message(data: bytes) -> None:
    _dialect(YJS, _yjs, data)
    small = YJS.small_update(data)
    if small is not None:
        assert tuple(YJS.decode(data)) == (Update("", small),)


def _hocuspocus_message(data: bytes) -> None:
    _dialect(HOCUSPOCUS, _hocuspocus, data)
    address = address_of(data)
    if address is not None:
        assert address.encode() in data
        name, session = split_address(address)
        assert address in (name, f"{name}\0{session}")


def _awareness(data: bytes) -> None:
    try:
        spans = scan(data)
    except ProtocolViolation:
        spans = None
    try:
        entries = decode(data)
    except ProtocolViolation:
        return
    assert spans is not None
    assert [(span.client, span.clock) for span in spans] == [(entry.client, entry.clock) for entry in entries]
    assert decode(encode(entries)) == entries
    for entry in entries:
        json.loads(entry.state)


def _state(data: bytes) -> None:
    """A presence state, and the identity that is stamped on it."""
    try:
        marked = Stamp(IDENTITY).mark(data)
    except ProtocolViolation:
        return
    assert marked == GONE or len(marked) <= len(data) + len(json.dumps(STAMPED)) + 10
    assert Stamp(IDENTITY).mark(marked) == marked
    state = json.loads(marked)
    if state is None:
        assert marked == GONE
        return
    was = json.loads(data)
    user = was.get("user") if isinstance(was.get("user"), dict) else {}
    assert repr(state) == repr({**{k: v for k, v in was.items() if k != "user"}, "user": {**_others(user), **STAMPED}})


def _others(user: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in user.items() if name not in STAMPED}


def _state_vector(data: bytes) -> None:
    try:
        clocks = read_state_vector(data)
    except MalformedUpdate:
        return
    assert read_state_vector(state_vector(clocks)) == clocks


READERS: Final = (_yjs_message, _hocuspocus_message, _awareness, _state, _state_vector)


def one(data: bytes) -> None:
    """Raises for a bug only."""
    choices = Choices(data)
    choices.one_of(READERS)(choices.rest())
