"""The instruments of the torture do what they say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from torture_clock import BentClock
from torture_network import Network
from torture_schedule import Trouble, schedule

READS = """
import threading, time
lock = threading.Lock()
lock.acquire()
while input():
    began = time.perf_counter()
    time.sleep(0.01)
    lock.acquire(timeout=0.01)
    print(round(time.time()), round(time.monotonic()), time.perf_counter() - began < 5, flush=True)
"""


def test_a_schedule_is_its_seeds_and_has_every_trouble_once() -> None:
    """None lasts longer than it may."""
    steps = schedule(1, 40.0, 3.0)
    assert steps == schedule(1, 40.0, 3.0) != schedule(2, 40.0, 3.0)
    assert sorted(step.trouble for step in steps) == sorted(Trouble)
    assert all(0 <= step.at < 40 and step.lasts <= 3 for step in steps)


def test_a_bent_clock_jumps_while_the_process_runs_and_stretches_no_wait(tmp_path: Path) -> None:
    """The time of day both ways, the other forwards."""
    clock = BentClock(tmp_path)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", READS]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env={**os.environ, **clock.env}, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for jump, leap in ((0, 0), (86_400, 0), (-200_000, 600)):
            clock.jump(jump)
            clock.leap(leap)
            process.stdin.write("again\n")
            process.stdin.flush()
            wall, monotonic, is_prompt = process.stdout.readline().split()
            assert abs(int(wall) - clock.now()) < 30
            assert abs(int(monotonic) - clock.monotonic - time.monotonic()) < 30
            assert is_prompt == "True"
        process.stdin.write("\n")


@pytest.fixture
async def link() -> AsyncIterator[tuple[Network, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A network before a server that echoes, and a link through it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Network(server.sockets[0].getsockname()[1]) as network:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(network.ws_url.rpartition(":")[2]))
        yield network, reader, writer
        writer.close()


Link = tuple[Network, asyncio.StreamReader, asyncio.StreamWriter]


async def test_a_network_that_stalls_loses_nothing(link: Link) -> None:
    """What waited comes in its order."""
    network, reader, writer = link
    network.stall(True)
    writer.write(b"one")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(100), 0.2)
    writer.write(b"two")
    network.stall(False)
    assert await reader.readexactly(6) == b"onetwo"


async def test_a_network_that_resets_breaks_every_link(link: Link) -> None:
    """And takes new ones."""
    network, reader, writer = link
    writer.write(b"one")
    assert await reader.readexactly(3) == b"one"
    network.reset()
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read(100) == b""
    again, writer = await asyncio.open_connection("127.0.0.1", int(network.ws_url.rpartition(":")[2]))
    writer.write(b"two")
    assert await again.readexactly(3) == b"two"
    writer.close()
