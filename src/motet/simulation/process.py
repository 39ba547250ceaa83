"""One life of the server: the real one, on a loop in virtual time, from its start to its stop or its death."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Final, Protocol

import uvicorn
from uvicorn.server import ServerState

from motet.access import Credentials, Grant
from motet.access.sources import Sources
from motet.app import App
from motet.config import Settings
from motet.crdt import Documents, View
from motet.crdt.views import read
from motet.errors import MotetError, Unavailable
from motet.gateway.http_protocol import HttpProtocol
from motet.gateway.server import send_away
from motet.ids import RoomName, Seq
from motet.observability import Observer
from motet.persistence import Row, Snapshot, SqliteStore
from motet.simulation.clock import Clock
from motet.simulation.loop import VirtualLoop
from motet.simulation.network import Network
from motet.simulation.timeline import Timeline

QUICK: Final = (0.0001, 0.002)
"""Seconds that a call to the store takes, from and to."""


class Died(BaseException):
    """The process is gone in the middle of whatever it did; nothing in it may notice."""


class Keeping(Protocol):
    """Who is told what the store says that it keeps."""

    def committed(self, rows: Sequence[Row], seqs: Sequence[Seq]) -> None: ...

    def compacted(self, room: RoomName, snapshot: Snapshot) -> None: ...


class Store(SqliteStore):
    """The real one, which is listened to."""

    def __init__(self, data_dir: Path, keeping: Keeping) -> None:
        super().__init__(data_dir)
        self._keeping = keeping

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        seqs = await super().append(rows)
        self._keeping.committed(rows, seqs)
        return seqs

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        await super().compact(room, snapshot, keep_rows)
        self._keeping.compacted(room, snapshot)


class Hesitant(Sources):
    """Sources of grants that may be down, or slow."""

    def __init__(self, real: Sources) -> None:
        super().__init__((real,))
        self.down = False
        self.seconds = 0.0

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.down:
            raise Unavailable("who says who somebody is does not answer")
        return await super().grant(credentials, room)


class Inline(Documents):
    """Views of documents without a worker."""

    async def view(
        self,
        encoded: bytes | Sequence[bytes],
        view: View,
        root: str | None = None,
        timeout: float = inf,  # noqa: ASYNC109 - the port's
    ) -> str:
        await asyncio.sleep(0)
        return read(encoded if isinstance(encoded, bytes) else b"".join(encoded), view, root)


class Server(App):
    """The composition of the real server."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        assert self.sources is not None
        self.hesitant = Hesitant(self.sources)
        self.sources = self.hesitant
        self.free = 1 << 40

    def free_bytes(self) -> int:
        return self.free


class Process:
    """A life. `live` returns when the server has stopped, and raises Died, or MotetError when it could not start."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        timeline: Timeline,
        network: Network,
        keeping: Keeping,
        rnd: random.Random,
    ) -> None:
        self._settings = settings
        self._keeping = keeping
        self._timeline = timeline
        self._network = network
        self._rnd = rnd
        self._free_at: dict[int, float] = {}
        self.loop = VirtualLoop(clock, self._idle, self._work)
        self.server: Server | None = None
        """Once it listens."""
        self.slow = 0.0
        """Seconds that a call to the store takes at most, besides."""
        self.check: Callable[[], None] = lambda: None
        """Called after each event of the world. What it raises ends the life."""
        self.started: Callable[[], None] = lambda: None
        """Called when it listens."""
        self._stopping = asyncio.Event()

    def live(self, observe: Observer) -> None:
        """Starts, serves, and stops when it is told to."""
        drawn = random.getstate()
        random.seed(self._rnd.getrandbits(64))  # what the server draws by itself
        try:
            self.loop.run_until_complete(self._live(observe))
        finally:
            random.setstate(drawn)
        self.loop.bury()

    def stop(self) -> None:
        """SIGTERM."""
        self._stopping.set()

    async def _live(self, observe: Observer) -> None:
        store = Store(self._settings.data, self._keeping)
        server = Server(self._settings)
        try:
            gateway = await server.assemble(store, Inline(), observe)
        except MotetError:
            await store.close()
            raise
        gateway.start()
        server.start()
        self.server = server
        config = uvicorn.Config(_no_application, http="httptools", ws=asyncio.Protocol, log_config=None)
        config.load()
        state = ServerState()
        self._network.listen(lambda: HttpProtocol(gateway, config, state, {}), self.loop.call_soon)
        self.started()
        await self._stopping.wait()
        self._network.stop_listening()
        await send_away(gateway, server.drain, server.stopped, hurry=lambda: False)
        await store.close()

    def _idle(self, timeout: float | None) -> None:
        now = self._timeline.now()
        self._timeline.step(inf if timeout is None else now + timeout)
        self.check()

    def _work(self, executor: object, call: Callable[[], Callable[[], None]]) -> None:
        """A thread takes one call after the other."""
        now, key = self._timeline.now(), id(executor)
        begins = max(now, self._free_at.get(key, 0.0))
        lasts = self._rnd.uniform(*QUICK) + self.slow * self._rnd.random()
        self._free_at[key] = begins + lasts

        def run() -> None:
            tell = call()
            self._timeline.later(lasts / 2, tell)

        self._timeline.later(begins - now + lasts / 2, run)


async def _no_application(scope: object, receive: object, send: object) -> None:
    """Plain HTTP is not simulated."""
