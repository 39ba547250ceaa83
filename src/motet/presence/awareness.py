"""y-protocols awareness updates: a count, then per entry a client id, a clock and a JSON state with its length.

Source: y-protocols 1.0.7, awareness.js (encodeAwarenessUpdate, applyAwarenessUpdate).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, NamedTuple, NoReturn

from motet import varint
from motet.errors import ProtocolViolation

MAX_STATE = 32 * 1024
"""Bytes of one state, as its client sends it: the server's stamp may be more, and clients send that back as an echo.
Cursors with names are a few hundred; a stroke being drawn is a few thousand."""

GONE = b"null"
"""The state of an entry that has ended."""

EMPTY = b"\0"
"""The update of no entries: clients apply it to no effect, and count it as a sign of life from the server."""

WHITESPACE: Final = " \t\r\n"
"""Of JSON; Python's own notion of it is wider."""

NOT_JSON: Final = "a presence state is not JSON"


class Entry(NamedTuple):
    """One client's presence. `state` is JSON text as it was sent; "null" means gone."""

    client: int
    clock: int
    state: str


class Span(NamedTuple):
    """Where an entry lies in an update: its bytes are `[start:end]`, its state's `[state_at:end]`."""

    client: int
    clock: int
    start: int
    state_at: int
    end: int


def scan(payload: bytes) -> list[Span]:
    """The entries of an update, their states unread. Raises ProtocolViolation for bytes that are no such update."""
    try:
        count, at = varint.read(payload, 0)
        spans: list[Span] = []
        # A false count costs nothing: every entry takes bytes, and reading past the last raises.
        for _ in range(count):
            start = at
            client, at = varint.read(payload, at)
            clock, at = varint.read(payload, at)
            size, at = varint.read(payload, at)
            end = at + size
            if end > len(payload):
                raise IndexError("state past the end")
            spans.append(tuple.__new__(Span, (client, clock, start, at, end)))
            at = end
    except (IndexError, ValueError) as error:
        raise ProtocolViolation("not an awareness update") from error
    return spans


def is_gone(state: bytes) -> bool:
    """Whether a state is null. Raises ProtocolViolation for bytes that JavaScript's JSON.parse refuses.

    One such state would throw in every client of the room.
    """
    if state == GONE:
        return True
    try:
        text = state.decode().strip(WHITESPACE)
        value, end = JSON.raw_decode(text)  # decode() does the same, 0.6 µs slower
        if end < len(text):
            raise ValueError("more after the value")
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(NOT_JSON) from error
    return value is None


def decode(payload: bytes) -> tuple[Entry, ...]:
    """The entries of an update. Raises ProtocolViolation for bytes that clients could not apply."""
    entries = []
    for span in scan(payload):
        state = payload[span.state_at : span.end]
        entries.append(Entry(span.client, span.clock, "null" if is_gone(state) else state.decode()))
    return tuple(entries)


def encode(entries: Iterable[Entry]) -> bytes:
    """The update of these entries."""
    return join([write_entry(client, clock, state.encode()) for client, clock, state in entries])


def write_entry(client: int, clock: int, state: bytes) -> bytes:
    """One entry, as it stands in an update."""
    return varint.write(client) + varint.write(clock) + varint.write_bytes(state)


def join(entries: list[bytes]) -> bytes:
    """The update of entries that are already written."""
    return varint.write(len(entries)) + b"".join(entries)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # Python reads NaN and Infinity, JavaScript does not


JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""What JSON.parse reads, but for integers of more than 4,300 digits and nesting beyond Python's recursion limit."""
