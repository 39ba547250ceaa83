"""kill -9 under load: every acknowledged edit is there for a stranger, though no author ever returns."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys

import pytest

from support.load import Author, broken_promises
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

ROOMS = 3
AUTHORS = 6
SNAPSHOTS_ALL_THE_TIME = {
    "MOTET_SNAPSHOT_ROWS": "100",
    "MOTET_SNAPSHOT_BYTES": "2000",
    "MOTET_ROOM_IDLE_SECONDS": "0",
}


async def crowd(server: MotetServer, room: str) -> RawClient:
    """A y-websocket client whose edits nobody acknowledges, in the same rooms."""
    client = await RawClient.yjs(server.ws_url, room, apply=False)
    await client.synced()
    typist = Typist(client=random.randrange(1 << 32, 1 << 40))
    for _ in range(200):
        await client.update(typist.type("noise;"))
    return client


async def kill_loop(server: MotetServer, loops: int, seed: int) -> None:
    """Authors type, the process is killed at a random moment, strangers look; with everything that came before."""
    chance = random.Random(seed)
    everybody: list[Author] = []
    for _ in range(loops):
        rooms = [f"kill/{n}" for n in range(ROOMS)]
        first = len(everybody)
        authors = [await Author.join(server.ws_url, rooms[n % ROOMS], first + n) for n in range(AUTHORS)]
        everybody += authors
        noise = await asyncio.gather(*(crowd(server, room) for room in rooms))
        enough = chance.randrange(50, 1500)
        await eventually(lambda: sum(a.client.saved for a in authors) >= enough, f"{enough} edits are saved")  # noqa: B023
        await asyncio.sleep(chance.random() * 0.02)
        server.kill()
        await asyncio.gather(*(author.hear_the_rest() for author in authors))
        for client in noise:
            await client.close()
        await asyncio.to_thread(server.start)
        assert await broken_promises(server.ws_url, everybody) == {}, f"seed {seed}"
    assert sum(len(author.promises) for author in everybody) > loops * 50
    command = [sys.executable, "-m", "motet", "verify", "--data", str(server.data)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.parametrize("env", [{}, SNAPSHOTS_ALL_THE_TIME], ids=["log", "snapshots"])
async def test_every_acknowledged_edit_survives_kill_9(start_motet: StartMotet, env: dict[str, str]) -> None:
    """[R1] [P1] An ack is a promise, whatever the process was doing: appending, or writing snapshots."""
    await kill_loop(start_motet(env), 3, random.randrange(1 << 32))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("env", [{}, SNAPSHOTS_ALL_THE_TIME], ids=["log", "snapshots"])
async def test_every_acknowledged_edit_survives_kill_9_fifty_times(
    start_motet: StartMotet, env: dict[str, str]
) -> None:
    """[R1] [P1] The same, often."""
    await kill_loop(start_motet(env), 50, random.randrange(1 << 32))
