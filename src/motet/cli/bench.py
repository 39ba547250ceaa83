"""`motet bench`: edits per second and edit-to-peer latency of any server that Yjs or Hocuspocus clients speak to.

The convenient measurement: its load is made in Python, on the same machine, and says how much of a core that took.
Comparisons belong to `benchmarks/`, whose load generator is in C.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import re
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import typer
import uvloop
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from rich.console import Console

from motet import varint
from motet.errors import Unavailable

JOIN_SECONDS = 30.0
DRAIN_SECONDS = 5.0
BUSY = 0.9
"""Share of a core above which the generator, and not the server, is what was measured."""
MAX_FRAME = 64 << 20

SYNC, AUTH, SYNC_REPLY = 0, 2, 4
STEP_1, STEP_2, UPDATE = 0, 1, 2

TOKEN = re.compile(rb"~([0-9a-f]{8})")
"""What an edit types: its number. It is found again in whatever bytes the server merges edits into."""
TOKEN_LENGTH = 9


class Dialect(StrEnum):
    """What the server speaks: y-websocket's protocol or Hocuspocus's."""

    yjs = "yjs"
    hocuspocus = "hocuspocus"


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured. Latencies are seconds from an edit to its arrival at each peer, in ascending order."""

    seconds: float
    edits: int
    latencies: list[float]
    unfinished: int
    generator: float

    @property
    def edits_per_second(self) -> float:
        """Edits that every peer has, per second."""
        return self.edits / self.seconds

    def percentile(self, part: float) -> float:
        """The latency in seconds that this part (0 to 1) of the deliveries did not exceed; nan when there were none."""
        found = self.latencies
        return found[min(len(found) - 1, int(part * len(found)))] if found else float("nan")


@dataclass(slots=True)
class _Edit:
    author: _Member
    made: float
    waiting: int


@dataclass(slots=True)
class _Run:
    """All that the members of a run share."""

    peers: int
    edits: dict[int, _Edit] = field(default_factory=dict)  # those that some peer lacks
    latencies: list[float] = field(default_factory=list)
    made: int = 0
    done: int = 0
    problem: str = ""
    nothing_under_way: asyncio.Event = field(default_factory=asyncio.Event)


class _Member(WSListener):
    """One client in one room: joins, types, and notes when the edits of others come."""

    def __init__(self, run: _Run, room: str, client: int, hocuspocus: bool) -> None:
        self.run, self.client, self.clock = run, client, 0
        self.prefix = varint.write_bytes(room.encode()) if hocuspocus else b""
        self.hocuspocus = hocuspocus
        self.joined = asyncio.get_running_loop().create_future()
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        if self.hocuspocus:
            self._send(bytes((AUTH, 0)) + varint.write_bytes(b"bench"))  # a token, for servers that insist on one
        self._sync(STEP_1, b"\0")  # an empty state vector

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self._fail(f"the server closed a connection with code {frame.get_close_code()}")
            transport.disconnect()
        elif frame.msg_type == WSMsgType.BINARY:
            try:
                self._message(frame.get_payload_as_bytes())
            except (IndexError, ValueError) as e:
                self._fail(f"the server sent what this client cannot read: {e}")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._fail("the server closed a connection")

    def type(self, now: float) -> None:
        """One edit: a word at the end of what this member typed before."""
        run = self.run
        client, clock = varint.write(self.client), self.clock
        # Yjs update format v1: one client, one struct; a string with its left origin, or, the first, its root type
        where = b"\x84" + client + varint.write(clock - 1) if clock else b"\x04\x01" + varint.write_bytes(b"bench")
        word = varint.write_bytes(b"~%08x" % run.made)
        run.edits[run.made] = _Edit(self, now, run.peers)
        run.made += 1
        self.clock += TOKEN_LENGTH
        self._sync(UPDATE, b"\1\1" + client + varint.write(clock) + where + word + b"\0")

    def _send(self, message: bytes) -> None:
        if self.transport is not None:
            self.transport.send(WSMsgType.BINARY, self.prefix + message)

    def _sync(self, step: int, payload: bytes) -> None:
        self._send(bytes((SYNC, step)) + varint.write_bytes(payload))

    def _message(self, data: bytes) -> None:
        kind, at = varint.read(data, varint.read_bytes(data, 0)[1] if self.hocuspocus else 0)
        if kind == AUTH and data[at] == 1:
            self._fail("permission denied")
        if kind not in (SYNC, SYNC_REPLY):
            return
        if data[at] == STEP_1:
            self._sync(STEP_2, b"\0\0")  # members type only after all have joined: there is nothing to give
            return
        if data[at] == STEP_2 and not self.joined.done():
            self.joined.set_result(None)
        self._arrived(data)

    def _arrived(self, data: bytes) -> None:
        run, now = self.run, time.monotonic()
        for token in TOKEN.findall(data):
            number = int(token, 16)
            edit = run.edits.get(number)
            if edit is None or edit.author is self:  # Node servers echo an edit to its author
                continue
            run.latencies.append(now - edit.made)
            edit.waiting -= 1
            if not edit.waiting:
                del run.edits[number]
                run.done += 1
        if not run.edits:
            run.nothing_under_way.set()

    def _fail(self, problem: str) -> None:
        self.run.problem = self.run.problem or problem
        if not self.joined.done():
            self.joined.set_exception(Unavailable(problem))


async def _join(run: _Run, url: str, dialect: Dialect, rooms: int, members: int) -> list[_Member]:
    """Rooms x members connections, room by room. Raises Unavailable."""
    hocuspocus, run_id, joined = dialect is Dialect.hocuspocus, secrets.token_hex(3), list[_Member]()
    for number in range(rooms):
        name = f"bench-{run_id}-{number}"
        address = url if hocuspocus else f"{url.rstrip('/')}/{name}"
        for _ in range(members):
            member = _Member(run, name, len(joined) + 1, hocuspocus)
            joined.append(member)
            try:
                await ws_connect(lambda member=member: member, address, max_frame_size=MAX_FRAME)
                await asyncio.wait_for(member.joined, JOIN_SECONDS)
            except TimeoutError:
                raise Unavailable(f"{address} answered no sync step 1 within {JOIN_SECONDS:g} s") from None
            except (OSError, WSError) as e:
                raise Unavailable(f"cannot connect to {address}: {e}") from None
    return joined


async def _type(run: _Run, typists: list[_Member], rate: float, seconds: float) -> None:
    """Every member types `rate` times a second, each at its own phase."""
    gap, start = 1 / rate, time.monotonic()
    due = [(start + gap * i / len(typists), i) for i in range(len(typists))]
    while due[0][0] < start + seconds:
        at, i = due[0]
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        if run.problem:
            raise Unavailable(run.problem)
        typists[i].type(time.monotonic())
        heapq.heapreplace(due, (at + gap, i))


async def measure(url: str, dialect: Dialect, rooms: int, members: int, rate: float, seconds: float) -> Report:
    """Join, type for `seconds`, and wait up to five more for what is under way. Raises Unavailable."""
    run = _Run(peers=members - 1)
    typists = await _join(run, url, dialect, rooms, members)
    start, cpu = time.monotonic(), time.process_time()
    await _type(run, typists, rate, seconds)
    took, done = time.monotonic() - start, run.done
    generator = (time.process_time() - cpu) / took
    if run.edits:
        run.nothing_under_way.clear()
        with contextlib.suppress(TimeoutError):  # what has not come by then is reported as unfinished
            await asyncio.wait_for(run.nothing_under_way.wait(), DRAIN_SECONDS)
    for member in typists:
        if member.transport is not None:
            member.transport.disconnect()
    return Report(took, done, sorted(run.latencies), len(run.edits), generator)


def run(url: str, dialect: Dialect, rooms: int, members: int, rate: float, seconds: float) -> Report:
    """`measure`, in a loop of its own. Raises Unavailable."""
    return uvloop.run(measure(url, dialect, rooms, members, rate, seconds))


def bench(
    url: Annotated[str, typer.Argument(help="ws://HOST:PORT/ws (yjs: the room's name is added) or …/hocuspocus")],
    dialect: Annotated[Dialect, typer.Option(help="what the server speaks")] = Dialect.yjs,
    rooms: Annotated[int, typer.Option(min=1, help="rooms")] = 10,
    members: Annotated[int, typer.Option(min=2, help="members of each room, all of whom type")] = 2,
    rate: Annotated[float, typer.Option(min=0.01, help="edits per second and member")] = 5.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="for so long")] = 10.0,
) -> None:
    """Measure a running server: edits per second, edit-to-peer latency. Leaves rooms named bench-… in it."""
    report = run(url, dialect, rooms, members, rate, seconds)
    console = Console(highlight=False)
    asked = rooms * members * rate
    console.print(f"{report.edits_per_second:,.0f} edits/s of {asked:,.0f} asked for, in {rooms} rooms of {members}")
    steps = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    console.print("edit to peer: " + ", ".join(f"{k} {report.percentile(p) * 1000:.2f} ms" for k, p in steps.items()))
    if report.unfinished:
        console.print(f"[red]{report.unfinished} edits did not reach every peer within {DRAIN_SECONDS:g} s[/red]")
    console.print(f"the generator is Python and used {report.generator:.0%} of a core", end="")
    console.print(": these figures measure it, not the server" if report.generator > BUSY else "")
