"""The dialect of Hocuspocus: `address · type · body`, many documents on one socket.

Sources: @hocuspocus/provider 2.15.3, 3.4.4, 4.8.0; @hocuspocus/common (auth.ts, routingKey.ts) and server 4.7.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from motet import varint
from motet.errors import ProtocolViolation
from motet.sync.messages import (
    Auth,
    Awareness,
    BroadcastStateless,
    Leave,
    Message,
    Ping,
    Pong,
    QueryAwareness,
    Stateless,
    SyncStep1,
    SyncStep2,
    Update,
)

_SYNC, _AWARENESS, _AUTH, _QUERY_AWARENESS, _SYNC_REPLY, _STATELESS, _BROADCAST_STATELESS, _CLOSE = range(8)
_SYNC_STATUS, _PING, _PONG = range(8, 11)
_STEP1, _STEP2, _UPDATE = range(3)
_TOKEN, _PERMISSION_DENIED, _AUTHENTICATED = range(3)

_BODY_UPDATE: Final = bytes((_SYNC, _UPDATE))
_BODY_STEP1: Final = bytes((_SYNC, _STEP1))
_BODY_STEP2: Final = bytes((_SYNC, _STEP2))
_BODY_TOKEN_REQUEST: Final = bytes((_AUTH, _TOKEN))
_BODY_DENIED: Final = bytes((_AUTH, _PERMISSION_DENIED))
_BODY_AUTHENTICATED: Final = bytes((_AUTH, _AUTHENTICATED))

# A ping or pong is about the socket, not a document: its whole message is this byte.
_PING_MESSAGE: Final = bytes((_PING,))
_PONG_MESSAGE: Final = bytes((_PONG,))

_SHORT = 128
"""Addresses below this many bytes have a one-byte length and are cached; longer ones are read each time they come."""

_ADDRESSES = 4096
"""Entries in each address cache. When it is full the least recently used goes: then a message costs 0.3 µs more."""


def split_address(document: str) -> tuple[str, str]:
    """The room name and the session of an address; the session is "" unless the provider is session-aware (from 4.0).

    Answers go to the whole address: it is how the client finds which of its providers is meant.
    """
    name, _, session = document.partition("\0")
    return name, session


def address_of(head: bytes) -> str | None:
    """The address in the beginning of a message that is not read whole; None when it cannot be told."""
    try:
        return _address(head)[0]
    except (IndexError, ValueError):
        return None


@lru_cache(_ADDRESSES)
def _short_address(prefix: bytes) -> str:
    return prefix[1:].decode()


@lru_cache(_ADDRESSES)
def _short_prefix(document: str) -> bytes:
    return varint.write_bytes(document.encode())


def _prefix(document: str) -> bytes:
    return _short_prefix(document) if len(document) < _SHORT else varint.write_bytes(document.encode())


def _address(payload: bytes) -> tuple[str, int]:
    n = payload[0] + 1
    if n > _SHORT:
        data, at = varint.read_bytes(payload, 0)
        return data.decode(), at
    if n > len(payload):
        raise IndexError("address past the end")
    return _short_address(payload[:n]), n


def _text(payload: bytes, at: int) -> tuple[str, int]:
    data, at = varint.read_bytes(payload, at)
    return data.decode(), at


class _Hocuspocus:
    __slots__ = ()

    @property
    def name(self) -> str:
        return "hocuspocus"

    def decode(self, payload: bytes) -> Sequence[Message]:
        try:
            if len(payload) == 1:
                return self._decode_connection_level(payload)
            document, at = _address(payload)
            # The hot path: an ordinary update. 0.68 µs; by the general road below it is 1.1 µs.
            if payload.startswith(_BODY_UPDATE, at):
                at += 2
                n = payload[at]
                end = at + 1 + n
                if n < 128 and end <= len(payload):
                    return (tuple.__new__(Update, (document, payload[at + 1 : end])),)
                at -= 2
            return self._decode(document, payload, at)
        except (IndexError, ValueError) as error:
            raise ProtocolViolation("not a Hocuspocus message") from error

    def _decode_connection_level(self, payload: bytes) -> Sequence[Message]:
        if payload == _PONG_MESSAGE:
            return (Pong(""),)
        if payload == _PING_MESSAGE:
            return (Ping(""),)
        raise ProtocolViolation("not a Hocuspocus message")

    def _decode(self, document: str, payload: bytes, at: int) -> Sequence[Message]:
        kind, at = varint.read(payload, at)
        if kind in (_SYNC, _SYNC_REPLY):
            return (self._decode_sync(document, payload, at),)
        if kind == _AWARENESS:
            data, _ = varint.read_bytes(payload, at)
            return (Awareness(document, data),)
        if kind == _AUTH:
            return self._decode_auth(document, payload, at)
        if kind == _QUERY_AWARENESS:
            return (QueryAwareness(document),)
        if kind == _STATELESS:
            return (Stateless(document, _text(payload, at)[0]),)
        if kind == _BROADCAST_STATELESS:
            return (BroadcastStateless(document, _text(payload, at)[0]),)
        if kind == _CLOSE:
            return (Leave(document),)
        # The rest goes to clients, or is unknown, which the real server logs and passes over.
        return ()

    def _decode_sync(self, document: str, payload: bytes, at: int) -> Message:
        step, at = varint.read(payload, at)
        data, _ = varint.read_bytes(payload, at)
        if step == _UPDATE:
            return Update(document, data)
        if step == _STEP2:
            return SyncStep2(document, data)
        if step == _STEP1:
            return SyncStep1(document, data)
        raise ProtocolViolation(f"unknown sync message {step}")

    def _decode_auth(self, document: str, payload: bytes, at: int) -> Sequence[Message]:
        kind, at = varint.read(payload, at)
        if kind != _TOKEN:
            return ()
        token, at = _text(payload, at)
        version = _text(payload, at)[0] if at < len(payload) else ""
        return (Auth(document, token, version),)

    def update(self, document: str, data: bytes) -> bytes:
        return _prefix(document) + _BODY_UPDATE + varint.write(len(data)) + data

    def sync_step1(self, document: str, state_vector: bytes) -> bytes:
        return _prefix(document) + _BODY_STEP1 + varint.write_bytes(state_vector)

    def sync_step2(self, document: str, data: bytes) -> bytes:
        # As Sync, never as SyncReply (type 4): no provider knows that type, and 2.15 throws on it.
        return self.sync_step2_head(document, len(data)) + data

    def sync_step2_head(self, document: str, size: int) -> bytes:
        return _prefix(document) + _BODY_STEP2 + varint.write(size)

    def awareness(self, document: str, data: bytes) -> bytes:
        return _prefix(document) + bytes((_AWARENESS,)) + varint.write(len(data)) + data

    def query_awareness(self, document: str) -> bytes:
        return _prefix(document) + bytes((_QUERY_AWARENESS,))

    def sync_status(self, document: str, ok: bool) -> bytes:
        return _prefix(document) + bytes((_SYNC_STATUS, ok))

    def authenticated(self, document: str, readonly: bool) -> bytes:
        scope = b"readonly" if readonly else b"read-write"
        return _prefix(document) + _BODY_AUTHENTICATED + varint.write_bytes(scope)

    def denied(self, document: str, reason: str) -> bytes:
        return _prefix(document) + _BODY_DENIED + varint.write_bytes(reason.encode())

    def token_request(self, document: str) -> bytes:
        return _prefix(document) + _BODY_TOKEN_REQUEST

    def stateless(self, document: str, payload: str) -> bytes:
        return _prefix(document) + bytes((_STATELESS,)) + varint.write_bytes(payload.encode())

    def close(self, document: str, reason: str) -> bytes:
        return _prefix(document) + bytes((_CLOSE,)) + varint.write_bytes(reason.encode())

    def ping(self, document: str) -> bytes:
        return _PING_MESSAGE

    def pong(self, document: str) -> bytes:
        return _PONG_MESSAGE


HOCUSPOCUS: Final = _Hocuspocus()
