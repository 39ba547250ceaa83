"""A stage for one client: time that a test moves, and a server that says what the test writes."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from motet.simulation.client import Client, Owner, Surroundings
from motet.simulation.client_hocuspocus import HocuspocusClient
from motet.simulation.client_traits import HocuspocusTraits, YjsTraits
from motet.simulation.client_yjs import YjsClient
from motet.simulation.device import Device, Edit
from motet.simulation.ports import Endpoint
from support import wire

TRIP = 0.002
"""Seconds from one side to the other: a local server's."""


@dataclass
class Alarm:
    """Implements ports.Timer."""

    call: Callable[[], None] | None

    def cancel(self) -> None:
        self.call = None


class Hours:
    """Implements ports.Timers."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self.seconds

    def later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(call)
        heapq.heappush(self._alarms, (self.seconds + seconds, next(self._order), alarm))
        return alarm

    def go(self, seconds: float) -> None:
        """Time passes."""
        end = self.seconds + seconds
        while self._alarms and self._alarms[0][0] <= end:
            self.seconds, _, alarm = heapq.heappop(self._alarms)
            if alarm.call is not None:
                alarm.call()
        self.seconds = end


@dataclass
class Line:
    """One WebSocket: implements ports.Socket for the client, and is the server's end for a test."""

    hours: Hours
    endpoint: Endpoint | None
    address: str
    target: str
    headers: Mapping[str, str]
    at: float
    status: int = 0
    is_open: bool = False
    sent: list[bytes] = field(default_factory=list)
    close_code: int | None = None
    """The client's."""
    aborted: bool = False
    answers_close: bool = True

    def send(self, payload: bytes) -> None:
        if self.is_open and self.close_code is None:
            self.sent.append(payload)

    def close(self, code: int = 1000) -> None:
        if self.close_code is None:
            self.close_code = code
            if self.answers_close:
                self.hours.later(2 * TRIP, lambda: self._end(code, ""))

    def abort(self) -> None:
        self.aborted, self.endpoint = True, None

    def open(self) -> None:
        self.status, self.is_open = 101, True
        if self.endpoint is not None:
            self.endpoint.opened()

    def say(self, payload: bytes) -> None:
        """The server's message arrives at once."""
        if self.endpoint is not None:
            self.endpoint.received(payload)

    def shut(self, code: int, reason: str = "") -> None:
        """The server's CLOSE; 1006: a reset."""
        self._end(code, reason)

    def refuse(self, status: int) -> None:
        self.status = status
        self._end(1006, "")

    def _end(self, code: int, reason: str) -> None:
        endpoint, self.endpoint, self.is_open = self.endpoint, None, False
        if endpoint is not None:
            endpoint.ended(code, reason)

    def take(self) -> list[bytes]:
        """What the client has sent since the last look."""
        sent, self.sent = self.sent, []
        return sent


def accept(line: Line) -> None:
    """A server that opens every socket."""
    line.open()


@dataclass
class Stage:
    """Implements ports.Internet and client.Notices. `server` is called a trip after each attempt."""

    hours: Hours = field(default_factory=Hours)
    server: Callable[[Line], None] = accept
    lines: list[Line] = field(default_factory=list)
    refusals: list[tuple[str, int, str]] = field(default_factory=list)
    closes: list[tuple[int, str]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    saves: list[Sequence[Edit]] = field(default_factory=list)
    updates: list[bytes] = field(default_factory=list)
    """Heard."""
    token: str = "t"
    _clients = itertools.count(1000)

    def connect(self, address: str, target: str, headers: Mapping[str, str], endpoint: Endpoint) -> Line:
        line = Line(self.hours, endpoint, address, target, headers, self.hours.now())
        self.lines.append(line)
        self.hours.later(TRIP, lambda: self.server(line) if line.close_code is None else None)
        return line

    @property
    def line(self) -> Line:
        """The newest."""
        return self.lines[-1]

    # ---- client.Notices

    def attempted(self, client: Client, address: str, target: str) -> None: ...

    def refused(self, client: Client, room: str, code: int, reason: str) -> None:
        self.refusals.append((room, code, reason))

    def edited(self, device: Device, edit: Edit) -> None:
        self.edits.append(edit)

    def saved(self, device: Device, edits: Sequence[Edit]) -> None:
        self.saves.append(edits)

    def heard(self, device: Device, payload: bytes, update: bytes | None) -> None:
        if update is not None:
            self.updates.append(update)

    def closed(self, client: Client, code: int, reason: str) -> None:
        self.closes.append((code, reason))

    # ---- whom a test plays with

    def device(self, room: str = "room", seed: int = 0) -> Device:
        return Device(room, next(self._clients), Random(seed), itertools.count(1), self.hours)

    def client(self, traits: YjsTraits | HocuspocusTraits, *devices: Device) -> Client:
        """Not started yet."""
        owner = Owner("ada", "192.0.2.1", lambda: self.token, {"origin": "https://app.example"})
        surroundings = Surroundings(self, self.hours, self)
        devices = devices or (self.device(),)
        if isinstance(traits, YjsTraits):
            return YjsClient(traits, owner, devices[0], surroundings, Random(1))
        return HocuspocusClient(traits, owner, devices, surroundings, Random(1))

    def settle(self) -> None:
        """Enough time for a connection with its token, and for a first word."""
        self.hours.go(0.1)


def kinds(payloads: Sequence[bytes], hocuspocus: bool) -> list[str]:
    """What sort of messages these are, in words."""
    return [kind(payload, hocuspocus) for payload in payloads]


_NAMES = {wire.AWARENESS: "awareness", wire.AUTH: "auth", wire.CLOSE: "close", wire.QUERY_AWARENESS: "query"}


def kind(payload: bytes, hocuspocus: bool) -> str:
    """One of: step 1, step 2, update, awareness, auth, close, query, pong."""
    if hocuspocus and payload == bytes((wire.PONG,)):
        return "pong"
    reader = wire.Reader(payload)
    if hocuspocus:
        reader.string()
    number = reader.varint()
    return ("step 1", "step 2", "update")[reader.varint()] if number == wire.SYNC else _NAMES[number]


def entries(payload: bytes, hocuspocus: bool) -> dict[int, tuple[int, str]]:
    """Of an awareness message: clock and JSON state by client."""
    reader = wire.Reader(payload)
    if hocuspocus:
        reader.string()
    assert reader.varint() == wire.AWARENESS
    update = wire.Reader(reader.bytes())
    return {update.varint(): (update.varint(), update.string()) for _ in range(update.varint())}


def awareness(*told: tuple[int, int, str]) -> bytes:
    """An awareness update: client, clock, JSON state."""
    out = [wire.varint(client) + wire.varint(clock) + wire.var_bytes(state.encode()) for client, clock, state in told]
    return wire.varint(len(told)) + b"".join(out)
