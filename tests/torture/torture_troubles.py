"""The troubles: each begins, lasts for its time, and is over when its coroutine ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from urllib.parse import quote

import websockets
from torture_people import LEAVES, Writer, lasting
from torture_scene import DRAIN, ROOMS, Scene
from torture_schedule import Step, Trouble

from support.disk import fill
from support.load import Overwriter
from support.node import HOCUSPOCUS, KINDS, Y_WEBSOCKET
from support.sockets import RawClient
from support.tokens import token
from support.waiting import eventually

MIB = 1 << 20
FARTHEST = 30 * 86_400
"""Seconds that the wall clock is away from the right time, at most."""
IN_TIME = DRAIN + 12.0
"""Seconds that a stop may take: nobody who does not answer is waited for longer than 5 s, nor the disk."""
PATIENCE = 120.0
"""Seconds in which somebody gets in, whatever else goes wrong."""


async def run(scene: Scene, steps: Iterable[Step]) -> None:
    """All of the schedule, at its times; returns when every trouble is over."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for step in sorted(steps):
            await asyncio.sleep(began + step.at - time.monotonic())
            scene.counts[step.trouble] += 1
            group.create_task(TROUBLES[step.trouble](scene, step), name=step.trouble)


# ---- the process


@contextlib.asynccontextmanager
async def _down(scene: Scene) -> AsyncIterator[None]:
    """Something is done to the process; another runs afterwards, if it has ended."""
    async with scene.power:
        with scene.excuse():
            yield
            if scene.server.process.poll() is not None:
                await scene.start()


async def kill(scene: Scene, step: Step) -> None:
    """kill -9, while much waits for the disk: each fsync takes 20-400 ms more."""
    async with _down(scene):
        scene.slow_disk.slow_down(round(step.of(20, 400)))
        await asyncio.sleep(1)
        await asyncio.to_thread(scene.server.kill)
        scene.slow_disk.slow_down(0)
        await asyncio.sleep(step.lasts)


async def stop(scene: Scene, step: Step) -> None:
    """The process stands still."""
    async with _down(scene):
        os.kill(scene.server.process.pid, signal.SIGSTOP)
        await asyncio.sleep(step.lasts)
        os.kill(scene.server.process.pid, signal.SIGCONT)


async def drain(scene: Scene, step: Step) -> None:
    """SIGTERM."""
    async with _down(scene):
        began = time.monotonic()
        scene.server.terminate()
        code = await asyncio.to_thread(scene.server.process.wait, 60)
        scene.drains.append(time.monotonic() - began)
        if code != 0 or scene.drains[-1] > IN_TIME:
            scene.problems.append(f"a stop took {scene.drains[-1]:.1f} s and ended with {code}")
        await asyncio.sleep(step.lasts)


# ---- the machine


async def full_disk(scene: Scene, step: Step) -> None:
    """Something else takes all of the disk."""
    filler = await asyncio.to_thread(fill, scene.disk)
    await asyncio.sleep(step.lasts)
    filler.unlink()


async def slow_disk(scene: Scene, step: Step) -> None:
    """Each fsync takes 20-600 ms more."""
    scene.slow_disk.slow_down(round(step.of(20, 600)))
    await asyncio.sleep(step.lasts)
    scene.slow_disk.slow_down(0)


async def wall_clock(scene: Scene, step: Step) -> None:
    """The time of day jumps by a minute to ten days. Whose token is over by then goes."""
    seconds = round(step.of(60, 10 * 86_400))
    if scene.clock.wall + seconds > FARTHEST or (step.amount * 1000 % 2 and scene.clock.wall - seconds > -FARTHEST):
        scene.clock.jump(-seconds)
        return
    guest = await _guest(scene, scene.clock.now() + seconds / 2)
    scene.clock.jump(seconds)
    if guest is not None:
        code, reason = await guest.ended()
        if code == 4401:
            scene.counts["grants that a jump ended"] += 1
        elif code not in (1006, 1012):  # the server went down before
            scene.problems.append(f"a token that was over: {code} {reason}")


async def _guest(scene: Scene, until: float) -> RawClient | None:
    """Somebody who may be there until a time of the server's; None when the server is down."""
    left = until - time.time()
    shown = token("guest", {ROOMS[0]: "viewer"}, left, iat=None)
    try:
        return await (await RawClient.yjs(scene.server.ws_url, ROOMS[0], apply=False, token=shown)).synced()
    except (OSError, websockets.WebSocketException, AssertionError):
        return None


async def monotonic_clock(scene: Scene, step: Step) -> None:
    """The clock that never jumps leaps forwards by five seconds to ten minutes."""
    with scene.excuse():
        scene.clock.leap(round(step.of(5, 600)))


# ---- the network


async def latency(scene: Scene, step: Step) -> None:
    """Each way takes 20-400 ms."""
    scene.network.delay = step.of(0.02, 0.4)
    await asyncio.sleep(step.lasts)
    scene.network.delay = 0.0


async def stall(scene: Scene, step: Step) -> None:
    """Nothing passes; then everything that waited does."""
    with scene.excuse():
        scene.network.stall(True)
        await asyncio.sleep(step.lasts)
        scene.network.stall(False)


async def reset(scene: Scene, step: Step) -> None:
    """All links break."""
    with scene.excuse():
        scene.network.reset()


async def half_open(scene: Scene, step: Step) -> None:
    """All links are dead, and nobody is told; some clients notice at once, the others after half a minute."""
    with scene.excuse():
        scene.network.freeze()
        chance = random.Random(step.amount)
        for writer in scene.everybody:
            if chance.random() < 0.7:
                await writer.client.cut()


# ---- people


async def slow_reader(scene: Scene, step: Step) -> None:
    """One stops reading while somebody writes 4-16 MiB; then it reads again, or is gone."""
    room = ROOMS[1]
    with contextlib.suppress(OSError, websockets.WebSocketException, AssertionError):  # the server is down
        slow = await RawClient.yjs(scene.server.ws_url, room, read=False, token=lasting("slow", room, "viewer"))
        shown = lasting("paster", room)
        paster = await RawClient.hocuspocus(scene.server.ws_url, room, apply=False, token=shown)
        writing = asyncio.create_task(_paste(paster, round(step.of(4, 16)) * MIB))
        await asyncio.wait([writing], timeout=step.lasts)
        writing.cancel()
        await asyncio.wait([writing])
        if step.amount < 0.5:
            slow.read()
            await asyncio.sleep(1)
        slow.abort()
        paster.abort()


async def _paste(paster: RawClient, size: int) -> None:
    await paster.synced()
    await Overwriter(paster).write(size)


async def _newcomer(scene: Scene, kinds: Sequence[str], step: Step, room: str, user: str) -> Writer:
    """Somebody who has typed something, by one of these kinds of clients."""
    kind = kinds[int(step.amount * 1000) % len(kinds)]
    writer = await Writer.join(scene.node, kind, scene.network.ws_url, room, user, pace=0)
    for _ in range(3):
        await writer.type()

    async def is_in() -> bool:
        await writer.look()
        report = await writer.client.report()
        assert report.synced and (kind not in HOCUSPOCUS or writer.saved == writer.typed), report
        return True

    await eventually(is_in, f"{user} is in", deadline=PATIENCE)
    return writer


async def _cast_out(scene: Scene, writers: list[Writer]) -> None:
    """They may no more, and do not know: they type on, and come back."""
    for writer in writers:
        told = writer.typed
        for _ in range(3):
            await writer.type()
        scene.late |= writer.marks(writer.typed, told)
    scene.outcasts += writers


async def revocation(scene: Scene, step: Step) -> None:
    """Somebody is revoked."""
    number = scene.counts["revocation"]
    user = f"revoked-{number}"
    writer = await _newcomer(scene, KINDS, step, ROOMS[number % 2], user)
    await scene.act("POST", "/revocations", {"user": user})
    await _cast_out(scene, [writer])


async def deletion(scene: Scene, step: Step) -> None:
    """A room is deleted, and its members type on. It is there for certain: one of them was told that it is saved."""
    room = f"torture/side-{scene.counts['deletion']}"
    kinds = (HOCUSPOCUS, Y_WEBSOCKET)
    writers = [await _newcomer(scene, kind, step, room, f"{room}-{n}") for n, kind in enumerate(kinds)]
    await scene.act("DELETE", f"/rooms/{quote(room)}")
    scene.deleted.append(room)
    await _cast_out(scene, writers)


async def role(scene: Scene, step: Step) -> None:
    """An editor is a viewer for a while, and types on."""
    writer = random.Random(step.amount).choice(scene.writers)
    path = f"/rooms/{quote(writer.room)}/roles/{quote(writer.user, safe='')}"
    await scene.act("PUT", path, {"role": "viewer"})
    await asyncio.sleep(step.lasts)
    await scene.act("DELETE", path)
    if writer.client.kind == LEAVES:
        await writer.client.attach()


TROUBLES: dict[Trouble, Callable[[Scene, Step], Coroutine[None, None, None]]] = {
    Trouble.KILL: kill,
    Trouble.STOP: stop,
    Trouble.DRAIN: drain,
    Trouble.FULL_DISK: full_disk,
    Trouble.SLOW_DISK: slow_disk,
    Trouble.WALL_CLOCK: wall_clock,
    Trouble.MONOTONIC_CLOCK: monotonic_clock,
    Trouble.LATENCY: latency,
    Trouble.STALL: stall,
    Trouble.RESET: reset,
    Trouble.HALF_OPEN: half_open,
    Trouble.SLOW_READER: slow_reader,
    Trouble.REVOCATION: revocation,
    Trouble.ROLE: role,
    Trouble.DELETION: deletion,
}
