"""One authenticated server on a small disk, with clocks that can be bent, and everybody who uses it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from torture_clock import BentClock
from torture_network import Network
from torture_people import Chair, Writer, lasting

from support.administrator import AdministratorClient
from support.disk import SlowDisk, small_disk
from support.node import KINDS, NodeClients, install_packages
from support.server import MotetServer, in_use
from support.tokens import SECURED
from support.waiting import eventually

ROOMS = ("torture/a", "torture/b")
ALONE = "torture/alone"
"""A room of raw authors, who keep nothing of each other's: what the server has lost, nobody gives back to it."""
VIEWERS = ("y-websocket-2", "hocuspocus-provider-4")
"""Of each room; they type as well."""
DISK = 96
"""MiB."""
DRAIN = 1.0
"""Seconds over which the server is told to send its members away."""
SETTINGS = {
    "MOTET_DRAIN_SECONDS": str(DRAIN),
    "MOTET_PING_SECONDS": "3",
    "MOTET_PONG_SECONDS": "3",
    "MOTET_BEHIND_SECONDS": "5",
    "MOTET_ROOM_IDLE_SECONDS": "1",
    "MOTET_SNAPSHOT_ROWS": "300",
    "MOTET_SNAPSHOT_BYTES": "16384",
    "MOTET_CONVERGENCE_SECONDS": "5",
}
"""Everything that takes its time happens often."""


class Scene:
    """Open it with `opened`. `power` is held by who stops or starts the process."""

    server: MotetServer
    network: Network
    node: NodeClients
    clock: BentClock
    slow_disk: SlowDisk
    disk: Path

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.power = asyncio.Lock()
        self.counts: Counter[str] = Counter()
        self.writers: list[Writer] = []
        self.viewers: list[Writer] = []
        self.chairs: list[Chair] = []
        self.outcasts: list[Writer] = []
        """Revoked, or of a deleted room: they may come back no more."""
        self.late: set[str] = set()
        """Marks that were typed by those who no longer might."""
        self.deleted: list[str] = []
        """Rooms."""
        self.problems: list[str] = []
        """What was wrong on the way."""
        self.drains: list[float] = []
        """Seconds."""
        self.memory: list[int] = []
        """Resident bytes, each second."""
        self.excuses: list[tuple[float, float]] = []
        """Spans of time.time() in which links broke or could not be made."""

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, home: Path, seed: int) -> AsyncIterator[Scene]:
        """A server, a network, six kinds of clients in each of two rooms, viewers, authors."""
        install_packages()
        scene = cls(seed)
        with ExitStack() as things:
            scene._provide(home, things)
            await scene.start()
            async with AsyncExitStack() as people:
                scene.network = await people.enter_async_context(Network(scene.server.port))
                scene.node = await NodeClients.start()
                people.push_async_callback(scene.node.close)
                await scene._invite()
                for writer in scene.everybody:
                    people.push_async_callback(writer.leave)
                for chair in scene.chairs:
                    people.push_async_callback(chair.leave)
                watching = asyncio.create_task(scene._watch())
                people.callback(watching.cancel)
                yield scene
                assert await scene.node.complaints() == []

    def _provide(self, home: Path, things: ExitStack) -> None:
        self.disk = things.enter_context(small_disk(home / "disk", DISK))
        self.clock, self.slow_disk = BentClock(home), SlowDisk(home)
        preload = {"LD_PRELOAD": f"{self.clock.env['LD_PRELOAD']} {self.slow_disk.env['LD_PRELOAD']}"}
        mark = {"MOTET_LOW_DISK_BYTES": random.Random(self.seed).choice(["0", str(2 << 20)])}
        env = {**SECURED, **SETTINGS, **mark, **self.clock.env, **self.slow_disk.env, **preload}
        self.server = MotetServer(self.disk / "data", home / "server.log", env=env)
        self.admin = AdministratorClient(self.server, lasting("root", "**", "admin"))
        in_use.append(self.server)
        things.callback(in_use.remove, self.server)
        things.callback(self.server.discard)

    async def _invite(self) -> None:
        for room in ROOMS:
            for kind in KINDS:
                user = f"{room[-1]}-{kind}"
                self.writers.append(await Writer.join(self.node, kind, self.network.ws_url, room, user))
            for kind in VIEWERS:
                user = f"{room[-1]}-viewer-{kind}"
                self.viewers.append(await Writer.join(self.node, kind, self.network.ws_url, room, user, "viewer", 2.0))
            self.chairs.append(Chair(self.server.ws_url, room, pause=0.02))
        self.chairs += [Chair(self.server.ws_url, ALONE, pause=0.02) for _ in range(2)]
        for writer in self.everybody:
            await writer.client.synced()

    @property
    def everybody(self) -> list[Writer]:
        """Who is to be in a room when all is well."""
        return self.writers + self.viewers

    async def _watch(self) -> None:
        """Each second: how much memory, and whether the process lives that nobody stopped."""
        while True:
            await asyncio.sleep(1)
            if self.power.locked():
                continue
            if self.server.process.poll() is not None:
                self.problems.append(f"the process ended by itself with {self.server.process.returncode}")
                return
            self.memory.append(self.server.rss())

    async def start(self) -> None:
        """Starts the process, again and again like systemd when it ends, until it answers."""
        await asyncio.to_thread(self.server.launch)

        async def answers() -> bool:
            if self.server.process.poll() is not None:
                self.counts["starts that failed"] += 1
                await asyncio.sleep(0.5)
                await asyncio.to_thread(self.server.launch)
            try:
                return (await asyncio.to_thread(self.server.get, "/healthz"))[0] == 200
            except OSError:
                return False

        await eventually(answers, "the server answers", deadline=60)

    @contextlib.contextmanager
    def excuse(self) -> Iterator[None]:
        """Meanwhile links break, or cannot be made."""
        began = time.time()
        try:
            yield
        finally:
            self.excuses.append((began, time.time()))

    async def act(self, method: str, path: str, body: object = None) -> None:
        """An administrator's request, repeated until the server has carried it out; 404: it had done so before."""

        async def is_done() -> bool:
            try:
                status = (await asyncio.to_thread(self.admin.ask, method, path, body)).status
            except OSError:
                return False  # it is down, or does not answer
            if status not in (200, 204, 404, 503):
                self.problems.append(f"{method} {path}: {status}")
            return status != 503

        await eventually(is_done, f"{method} {path}", deadline=120)

    async def pause(self) -> None:
        """Nobody types any more, and all who may be in a room are and have everything saved."""
        await asyncio.gather(*(writer.finish() for writer in self.everybody))
        await asyncio.gather(*(chair.empty() for chair in self.chairs))
        await asyncio.gather(*(writer.settle() for writer in self.writers))

    def go_on(self) -> None:
        """Everybody types again."""
        for writer in self.everybody:
            writer.go_on()
        for chair in self.chairs:
            chair.go_on()
