"""SYNC PROTOCOL: bytes to messages and back, for every dialect that Yjs clients speak.

A dialect turns one WebSocket message into messages of the vocabulary in `messages`, and answers into payloads; `frame`
puts a payload into a WebSocket frame, once, so that every member can be sent the same bytes. Update payloads and
awareness payloads are opaque here: `crdt` and `presence` read them.

Pure: no clock, no I/O, no state beyond what a client has announced (`Session`). May import motet.errors, motet.varint.
Sources: y-protocols 1.0.7 (sync.js, auth.js), y-websocket 3.1.0, @hocuspocus/provider 2.15.3-4.8.0 and server 4.7.0.

Public names: the messages, `Dialect`, `YJS`, `HOCUSPOCUS`, `Session`, `split_address`, `address_of`, `frame`,
`frame_head`.
"""

from motet.sync.dialect import Dialect
from motet.sync.frames import frame, frame_head
from motet.sync.hocuspocus import HOCUSPOCUS, address_of, split_address
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
from motet.sync.session import Session
from motet.sync.yjs import YJS

__all__ = [
    "HOCUSPOCUS",
    "YJS",
    "Auth",
    "Awareness",
    "BroadcastStateless",
    "Dialect",
    "Leave",
    "Message",
    "Ping",
    "Pong",
    "QueryAwareness",
    "Session",
    "Stateless",
    "SyncStep1",
    "SyncStep2",
    "Update",
    "address_of",
    "frame",
    "frame_head",
    "split_address",
]
