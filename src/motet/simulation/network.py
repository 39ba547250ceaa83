"""A network of fake sockets: what either side writes arrives later, in pieces, or never.

A connection is two pipes between a `Near` (the client's side, which speaks WebSocket) and a `Far` (the transport that
the server's protocol has). Bytes of one direction keep their order; those of two connections overtake each other.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from motet.simulation.ports import Endpoint, Timers
from motet.simulation.websocket import BINARY, CLOSE, PING, PONG, Reader, masked

KERNEL: Final = 64 * 1024
"""Bytes that lie between the server's buffer and a client that does not read."""

CLOSE_SECONDS: Final = 3.0
"""A client that has closed waits so long for the end of the socket."""

REFUSE_SECONDS: Final = 0.001
"""Until a client knows that nobody listens."""

_HEAD_END = b"\r\n\r\n"


class Conditions:
    """How one connection is: latency in seconds, how much of it varies, into how many bytes what arrives is cut (0: it
    is not)."""

    def __init__(self, latency: float = 0.02, jitter: float = 0.01, cut: int = 0) -> None:
        self.latency = latency
        self.jitter = jitter
        self.cut = cut
        self.silent = False
        """Half open: nothing arrives on either side, and nobody is told."""
        self.stalled = False
        """The client does not read."""


class Watcher(Protocol):
    """Who sees what either side says, at the moment when it does."""

    def said(self, link: Link, payload: bytes) -> None:
        """A client's message."""
        ...

    def wrote(self, link: Link, data: bytes) -> None:
        """The server's bytes."""
        ...


class Pipe:
    """One direction. `deliver` gets what arrives, in order; None is the end."""

    def __init__(self, link: Link, deliver: Callable[[bytes | None], None]) -> None:
        self._link = link
        self._deliver = deliver
        self._last = 0.0
        self.held: deque[bytes | None] = deque()
        """What has arrived and cannot be delivered now; bounded by what is under way."""
        self.under_way = 0
        """Bytes that were sent and not delivered."""

    def send(self, data: bytes | None) -> None:
        """It will arrive, unless the connection breaks."""
        link, when = self._link, self._link.conditions
        now = link.timers.now()
        self._last = max(self._last, now + when.latency + link.rnd.random() * when.jitter)
        if data is not None:
            self.under_way += len(data)
        link.timers.later(self._last - now, lambda: self._arrive(data))

    def _arrive(self, data: bytes | None) -> None:
        self.held.append(data)
        self.flow()

    def give_back(self, data: bytes) -> None:
        """Of what was delivered last nobody took this."""
        self.held.appendleft(data)
        self.under_way += len(data)

    def flow(self) -> None:
        """Delivers what may be."""
        link = self._link
        while self.held and not link.broken and link.may_flow(self):
            data = self.held.popleft()
            cut = link.conditions.cut
            if data is not None and cut and len(data) > cut:
                self.held.appendleft(data[cut:])
                data = data[:cut]
            if data is not None:
                self.under_way -= len(data)
            self._deliver(data)


class Link:
    """One connection."""

    def __init__(
        self, timers: Timers, rnd: random.Random, watcher: Watcher, conditions: Conditions, address: str
    ) -> None:
        self.timers = timers
        self.watcher = watcher
        self.rnd = rnd
        self.conditions = conditions
        self.address = address
        self.broken = False
        """Nothing arrives any more."""
        self.near: Near
        self.far: Far | None = None
        self.up = Pipe(self, self._to_server)
        self.down = Pipe(self, self._to_client)

    def may_flow(self, pipe: Pipe) -> bool:
        """Whether this direction delivers now."""
        if self.conditions.silent:
            return False
        if pipe is self.down:
            return not self.conditions.stalled
        return self.far is not None and self.far.reads

    def _to_server(self, data: bytes | None) -> None:
        assert self.far is not None
        self.far.feed(data)

    def _to_client(self, data: bytes | None) -> None:
        if self.far is not None:
            self.far.sent()
        self.near.feed(data)

    def mend(self) -> None:
        """What was silent or stalled is not any more."""
        self.conditions.silent = self.conditions.stalled = False
        self.up.flow()
        self.down.flow()

    def reset(self) -> None:
        """The network tears it: both sides are told, and what was under way is lost."""
        if not self.broken:
            self.broken = True
            if self.far is not None:
                self.far.lost(ConnectionResetError("reset by the network"))
            self.near.lost()

    def server_died(self, told: bool) -> None:
        """The server's process is gone. `told`: its machine still is there, and says so; else the client waits."""
        self.far = None
        if told:
            self.down.send(None)
        else:
            self.conditions.silent = True


class Near:
    """The client's side. Implements `ports.Socket`."""

    def __init__(self, link: Link, endpoint: Endpoint) -> None:
        link.near = self
        self.status = 0
        self._link = link
        self._endpoint: Endpoint | None = endpoint
        self._head = b""
        self._reader = Reader()
        self._is_open = False
        self._closing = False
        self._code, self._reason = 1006, ""

    def send(self, payload: bytes) -> None:
        if self._is_open and not self._closing:
            self._link.watcher.said(self._link, payload)
            self._link.up.send(masked(BINARY, payload))

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are, framed by whoever knows better."""
        self._link.up.send(data)

    def close(self, code: int = 1000) -> None:
        if self._is_open and not self._closing:
            self._closing = True
            self._link.up.send(masked(CLOSE, code.to_bytes(2)))
            self._link.timers.later(CLOSE_SECONDS, self._give_up)
        elif not self._is_open:
            self._give_up()

    def abort(self) -> None:
        self._endpoint = None
        self._break()

    def feed(self, data: bytes | None) -> None:
        """What arrives."""
        if data is None:
            self.lost()
        elif self._is_open:
            self._read(data)
        else:
            self._head += data
            head, found, rest = self._head.partition(_HEAD_END)
            if found:
                self._answered(head, rest)

    def _answered(self, head: bytes, rest: bytes) -> None:
        self.status = int(head.split(b" ", 2)[1])
        if self.status == 101 and self._endpoint is not None:
            self._is_open = True
            self._endpoint.opened()
            self._read(rest)

    def _read(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            if frame.opcode == CLOSE:
                self._code = int.from_bytes(frame.payload[:2]) if frame.payload else 1005
                self._reason = frame.payload[2:].decode()
                if not self._closing:
                    self._closing = True
                    self._link.up.send(masked(CLOSE, frame.payload[:2]))
                    self._link.timers.later(CLOSE_SECONDS, self._give_up)
            elif frame.opcode == PING:
                self._link.up.send(masked(PONG, frame.payload))
            elif frame.opcode == BINARY and self._endpoint is not None:
                self._endpoint.received(frame.payload)

    def lost(self) -> None:
        """The end of the socket."""
        self._link.broken = True
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.ended(self._code, self._reason)

    def _give_up(self) -> None:
        if self._endpoint is not None:
            self._break()
            self.lost()

    def _break(self) -> None:
        link = self._link
        if not link.broken:
            link.broken = True
            if link.far is not None and not link.conditions.silent:
                link.timers.later(link.conditions.latency, link.far.gone)


class Far(asyncio.Transport):
    """The server's side: the transport of its protocol."""

    def __init__(self, link: Link, call_soon: Callable[[Callable[[], None]], object]) -> None:
        super().__init__({"peername": (link.address, 50_000), "sockname": ("10.0.0.1", 8000)})
        self.link = link
        self._call_soon = call_soon
        self._protocol: asyncio.BaseProtocol
        self._buffer: deque[bytes | None] = deque()
        self._buffered = 0
        self._high, self._low = 64 * 1024, 16 * 1024
        self._congested = False
        self._paused = False
        self._closing = False
        self._ended = False

    # ---- what the server calls

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None and low is not None
        self._high, self._low = high, low

    def get_write_buffer_size(self) -> int:
        return self._buffered

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._ended:
            return
        data = bytes(data)
        self.link.watcher.wrote(self.link, data)
        self._buffer.append(data)
        self._buffered += len(data)
        self._pump()
        if self._buffered > self._high and not self._congested:
            self._congested = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._buffer.append(None)
        self._pump()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._call_soon(self.link.up.flow)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._buffer.append(None)
            self._pump()

    def abort(self) -> None:
        if not self._ended:
            self._closing = True
            self._buffer.clear()
            self._buffered = 0
            if not self.link.broken:
                self.link.down.send(None)
            self._end(None)

    # ---- what the network calls

    @property
    def reads(self) -> bool:
        """Whether the server takes what comes."""
        return not self._paused and not self._ended

    def feed(self, data: bytes | None) -> None:
        """What arrives."""
        if data is None:
            self.lost(None)
            return
        protocol = self._protocol
        if not isinstance(protocol, asyncio.BufferedProtocol):
            assert isinstance(protocol, asyncio.Protocol)
            protocol.data_received(data)
            return
        at = 0
        while at < len(data) and not self._ended:
            if self._paused:
                self.link.up.give_back(data[at:])
                return
            protocol = self._protocol
            assert isinstance(protocol, asyncio.BufferedProtocol)
            room = memoryview(protocol.get_buffer(len(data) - at))
            size = min(len(room), len(data) - at)
            room[:size] = data[at : at + size]
            room.release()
            at += size
            protocol.buffer_updated(size)

    def sent(self) -> None:
        """There may be place in the kernel again."""
        self._pump()
        if self._congested and self._buffered <= self._low and not self._ended:
            self._congested = False
            self._protocol.resume_writing()

    def _pump(self) -> None:
        down = self.link.down
        while self._buffer and down.under_way < KERNEL and not self._ended:
            data = self._buffer.popleft()
            if data is not None:
                self._buffered -= len(data)
            down.send(data)
            if data is None and self._closing:
                self._end(None)

    def gone(self) -> None:
        """The client's machine says that there is nobody."""
        self.lost(ConnectionResetError("reset by the peer"))

    def lost(self, error: Exception | None) -> None:
        """The connection has ended, as the server sees it."""
        self._closing = True
        self._end(error)

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._buffered = 0
            self._call_soon(lambda: self._protocol.connection_lost(error))


Listener = Callable[[], asyncio.Protocol]
"""What the server makes for a connection."""


class Network:
    """All connections of a world. Implements `ports.Internet`."""

    def __init__(self, timers: Timers, rnd: random.Random, watcher: Watcher) -> None:
        self._timers = timers
        self._rnd = rnd
        self._watcher = watcher
        self._listener: Listener | None = None
        self._call_soon: Callable[[Callable[[], None]], object] = lambda call: None
        self.links: list[Link] = []
        """Those that are, and some that were."""
        self.weather: Callable[[], Conditions] = Conditions
        """How new connections are."""

    def listen(self, listener: Listener, call_soon: Callable[[Callable[[], None]], object]) -> None:
        """A server is there."""
        self._listener, self._call_soon = listener, call_soon

    def stop_listening(self) -> None:
        """It takes no new connections."""
        self._listener = None

    def server_died(self, told: bool) -> None:
        """Its process is gone, and the machine too unless `told`."""
        self.stop_listening()
        for link in self.living():
            if link.far is not None:
                link.server_died(told)

    def living(self) -> list[Link]:
        """The connections that are not broken."""
        self.links = [link for link in self.links if not link.broken]
        return self.links

    def connect(self, address: str, target: str, headers: Mapping[str, str], endpoint: Endpoint) -> Near:
        rnd = random.Random(self._rnd.getrandbits(64))
        link = Link(self._timers, rnd, self._watcher, self.weather(), address)
        near = Near(link, endpoint)
        self.links.append(link)
        lines = [f"GET {target} HTTP/1.1", "Host: motet", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join((*lines, "", "")).encode("latin-1")
        self._timers.later(link.conditions.latency, lambda: self._arrive(link, request))
        return near

    def _arrive(self, link: Link, request: bytes) -> None:
        if link.broken:
            return
        if self._listener is None:
            link.broken = True
            self._timers.later(REFUSE_SECONDS, link.near.lost)
            return
        protocol = self._listener()
        link.far = Far(link, self._call_soon)
        link.far.set_protocol(protocol)
        protocol.connection_made(link.far)
        link.up.send(request)
