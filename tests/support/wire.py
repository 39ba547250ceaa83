"""The bytes of both dialects and of Yjs updates, as small as tests need them.

Sources: y-protocols (sync.js, awareness.js, auth.js), @hocuspocus/provider (OutgoingMessages/), Yjs's update format 1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

SYNC, AWARENESS, AUTH, QUERY_AWARENESS, SYNC_REPLY, STATELESS, BROADCAST_STATELESS, CLOSE, SYNC_STATUS, PING, PONG = (
    range(11)
)
"""Message types; both dialects use the first four, Hocuspocus the rest."""
STEP1, STEP2, UPDATE = range(3)
"""Kinds of a SYNC message."""
TOKEN, DENIED, AUTHENTICATED = range(3)
"""Kinds of an AUTH message: the client's token (0 for y-protocols' permission denied), and Hocuspocus's two answers."""

EMPTY_VECTOR = b"\x00"
EMPTY_UPDATE = b"\x00\x00"


def varint(number: int) -> bytes:
    """lib0's writeVarUint."""
    out = bytearray()
    while number > 0x7F:
        out.append(0x80 | number & 0x7F)
        number >>= 7
    out.append(number)
    return bytes(out)


def var_bytes(data: bytes) -> bytes:
    """lib0's writeVarUint8Array; writeVarString for a string's UTF-8."""
    return varint(len(data)) + data


class Reader:
    """Reads lib0's encodings from the start of `data`."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def bytes(self) -> bytes:
        length = self.varint()
        self.at += length
        return self.data[self.at - length : self.at]

    def string(self) -> str:
        return self.bytes().decode()


class Message(NamedTuple):
    """One message of the server. `document` is "" in the yjs dialect."""

    document: str
    type: int
    kind: int
    """Of SYNC and AUTH; else 0."""
    data: bytes
    """The payload: an update, a state vector, an awareness update, a reason or token or payload in UTF-8."""
    ok: bool = False
    """Of SYNC_STATUS."""


def read_message(payload: bytes, hocuspocus: bool) -> Message:
    """One WebSocket message of the server."""
    if hocuspocus and payload in (bytes([PING]), bytes([PONG])):
        return Message("", payload[0], 0, b"")
    reader = Reader(payload)
    document = reader.string() if hocuspocus else ""
    kind_of_message = reader.varint()
    if kind_of_message in (SYNC, SYNC_REPLY, AUTH):
        return Message(document, kind_of_message, reader.varint(), reader.bytes())
    if kind_of_message == SYNC_STATUS:
        return Message(document, SYNC_STATUS, 0, b"", ok=reader.varint() == 1)
    if kind_of_message in (QUERY_AWARENESS, PING, PONG):
        return Message(document, kind_of_message, 0, b"")
    return Message(document, kind_of_message, 0, reader.bytes())


def message(document: str | None, *parts: bytes) -> bytes:
    """A message: with its document's name in front for Hocuspocus, without (None) for yjs."""
    return b"".join((b"" if document is None else var_bytes(document.encode()), *parts))


def sync(document: str | None, kind: int, data: bytes) -> bytes:
    """A SYNC message of the kind STEP1, STEP2 or UPDATE."""
    return message(document, bytes((SYNC, kind)), var_bytes(data))


def awareness(document: str | None, update: bytes) -> bytes:
    """An AWARENESS message."""
    return message(document, bytes((AWARENESS,)), var_bytes(update))


def auth(document: str, token: str) -> bytes:
    """Hocuspocus's token message, as version 2 sends it (3 and 4 add their version)."""
    return message(document, bytes((AUTH, TOKEN)), var_bytes(token.encode()))


@dataclass(frozen=True, slots=True)
class AwarenessEntry:
    """One client's entry in an awareness update; `state` None: gone."""

    client: int
    clock: int
    state: Any


def awareness_update(*entries: AwarenessEntry) -> bytes:
    """y-protocols' encodeAwarenessUpdate."""
    body = b"".join(
        varint(e.client) + varint(e.clock) + var_bytes(json.dumps(e.state, separators=(",", ":")).encode())
        for e in entries
    )
    return varint(len(entries)) + body


def read_awareness(update: bytes) -> list[AwarenessEntry]:
    """The entries of an awareness update."""
    reader = Reader(update)
    return [
        AwarenessEntry(reader.varint(), reader.varint(), json.loads(reader.string())) for _ in range(reader.varint())
    ]


class Typist:
    """The updates of one Yjs client that types into the text `root`: one insertion each, after its last one."""

    def __init__(self, client: int, root: str = "text") -> None:
        self.client = client
        self.clock = 0
        self._root = root
        self._typed: list[str] = []

    def type(self, text: str) -> bytes:
        """The update that inserts `text` (BMP only, so that its length in UTF-16 is len)."""
        content = var_bytes(text.encode())
        if self.clock == 0:
            struct = b"\x04\x01" + var_bytes(self._root.encode()) + content  # no origin; the parent is a root
        else:
            struct = b"\x84" + varint(self.client) + varint(self.clock - 1) + content  # origin: its own last character
        update = b"\x01\x01" + varint(self.client) + varint(self.clock) + struct + b"\x00"
        self.clock += len(text)
        self._typed.append(text)
        return update

    def everything(self) -> bytes:
        """All that it typed, as one update: its answer to a sync step 1."""
        whole = Typist(self.client, self._root)
        return whole.type("".join(self._typed)) if self._typed else EMPTY_UPDATE
