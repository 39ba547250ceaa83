"""Sockets that nobody has signed in on."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gateway_harness import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Raw,
    Recorder,
    Running,
    client_frame,
    request,
    running,
    trust,
)
from websockets.asyncio.client import connect

from motet.errors import Forbidden
from motet.gateway import Connection, ListenSettings, Upgrade
from motet.gateway.settings import KIB, MIB
from motet.gateway.wire import PicowsWire
from support.seeds import fresh
from support.waiting import eventually

LIMIT = 4 * KIB


class Stranger(Recorder):
    """Signs in by a message that says so."""

    def received(self, payload: bytes) -> None:
        if payload.startswith(b"sign in"):
            self.wire.signed_in()
        super().received(payload)


@asynccontextmanager
async def strangers(**limits: Any) -> AsyncIterator[tuple[Running, list[Stranger]]]:
    """A server in which every connection is pending at first, and those that it has had."""
    all_of_them: list[Stranger] = []

    async def accept(upgrade: Upgrade) -> Connection:
        all_of_them.append(Stranger(upgrade, pending=True))
        return all_of_them[-1]

    async with running(accept, **({"max_pending_bytes": LIMIT, "max_message_bytes": 16 * MIB} | limits)) as server:
        yield server, all_of_them


def big(size: int = 10 * MIB) -> bytes:
    """A payload in which nothing can be exchanged for something else unseen."""
    return random.Random(size).randbytes(size)


async def test_a_stranger_may_send_small_messages() -> None:
    """[G21] To the byte; many of them too, and in fragments, with control frames between."""
    async with strangers() as (server, them):
        raw = await server.open()
        raw.send(client_frame(BINARY, bytes(LIMIT)) * 100)
        raw.frame(BINARY, bytes(LIMIT - 1), fin=False)
        raw.frame(PING, b"?")
        raw.frame(CONTINUATION, b"x")
        for _ in range(100):
            assert await raw.next() == (BINARY, bytes(LIMIT))
        assert await raw.next() == (PONG, b"?")
        assert await raw.next() == (BINARY, bytes(LIMIT - 1) + b"x")
        assert them[0].oversizes == []


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 15, LIMIT + 2 * KIB, 10 * LIMIT, 70_000, 15 * MIB])
async def test_a_stranger_may_not_send_large_ones(size: int) -> None:
    """[G21] Each is dropped and told once, with its size and beginning, and what comes behind it is read."""
    payload = big(size)
    async with strangers() as (server, them):
        raw = await server.open()
        for number in range(3):
            raw.frame(BINARY, payload)
            raw.frame(PING, b"?")
            raw.frame(BINARY, b"next")
            assert await raw.next() == (PONG, b"?")
            assert await raw.next() == (BINARY, b"next")
            assert them[0].oversizes[number:] == [(size, payload[:KIB])]
        assert server.gateway.statistics().pending == 1
        them[0].wire.signed_in()
        raw.frame(BINARY, payload)
        assert await raw.next() == (BINARY, payload)


async def test_the_beginning_of_what_is_dropped_is_told_without_its_mask() -> None:
    """[G21] It says whose it is."""
    async with (
        strangers() as (server, them),
        connect(f"ws://127.0.0.1:{server.port}/ws/room", max_size=None) as client,
    ):
        for size in (LIMIT + 1, 10 * LIMIT, MIB):
            await client.send(big(size))
            await client.send(b"next")
            assert await client.recv() == b"next"
            assert them[0].oversizes.pop() == (size, big(size)[:KIB])


async def test_a_stranger_may_sign_in_while_a_message_of_its_is_dropped() -> None:
    """[G21] It is dropped to its end; the next may be large."""
    async with strangers() as (server, them):
        raw = await server.open()
        frame = client_frame(BINARY, big())
        raw.send(frame[: 5 * MIB])
        await eventually(lambda: them[0].oversizes, "the application is told")
        them[0].wire.signed_in()
        raw.send(frame[5 * MIB :])
        raw.frame(BINARY, big(MIB))
        assert await raw.next() == (BINARY, big(MIB))
        assert them[0].messages == [big(MIB)]


async def test_a_large_frame_of_a_stranger_is_judged_as_any_other() -> None:
    """[G21] Text is refused, and so are reserved bits and orphans; nobody is told of a message that is none."""
    wrong = {
        client_frame(TEXT, bytes(MIB)): 1003,
        client_frame(BINARY, bytes(MIB), rsv=4): 1002,
        client_frame(CONTINUATION, bytes(MIB)): 1002,
    }
    async with strangers() as (server, them):
        for frame, code in wrong.items():
            raw = await server.open()
            raw.send(frame)
            assert (await raw.close_code())[0] == code
            assert them[-1].oversizes == []


@pytest.mark.parametrize("limit", [1, 100, 1000])
async def test_very_small_limits_hold_too(limit: int) -> None:
    """[G21] What ends the stream, or the limit, inside a piece that is over it is nothing else."""
    async with strangers(max_pending_bytes=limit) as (server, them):
        for wrong in (client_frame(3, bytes(900)), client_frame(BINARY, bytes(900), masked=False)):
            raw = await server.open()
            raw.send(client_frame(BINARY, b"") + wrong)
            assert (await raw.close_code())[0] == 1002
        raw = await server.open()
        raw.frame(BINARY, bytes(limit))
        raw.frame(BINARY, bytes(limit + 1))
        raw.frame(CLOSE, (1000).to_bytes(2))
        assert await raw.next() == (BINARY, bytes(limit))
        assert await raw.next() == (CLOSE, (1000).to_bytes(2))
        assert them[-1].oversizes == [(limit + 1, bytes(min(limit + 1, KIB)))]
        raw = await server.open()
        them[-1].wire.signed_in()
        raw.frame(BINARY, big(MIB))
        assert await raw.next() == (BINARY, big(MIB))


async def test_large_fragments_of_a_stranger_are_dropped_with_their_message() -> None:
    """[G21] Whichever of them is too large."""
    sizes = [(10, MIB, 10), (MIB, 10, 10), (10, 10, MIB), (MIB, MIB, MIB)]
    async with strangers() as (server, them):
        raw = await server.open()
        for first, second, third in sizes:
            raw.frame(BINARY, bytes(first), fin=False)
            raw.frame(CONTINUATION, bytes(second), fin=False)
            raw.frame(CONTINUATION, bytes(third))
            raw.frame(BINARY, b"next")
            assert await raw.next() == (BINARY, b"next")
        assert len(them[0].oversizes) == len(sizes)


async def test_a_slow_upload_that_is_dropped_is_a_sign_of_life() -> None:
    """[G21] As any byte is."""
    async with strangers(ping_seconds=0.1, pong_seconds=0.1) as (server, _):
        raw = await server.open()
        frame = client_frame(BINARY, bytes(LIMIT * 10))
        raw.send(frame[: LIMIT * 2])
        for at in range(LIMIT * 2, LIMIT * 2 + 50):
            raw.send(frame[at : at + 1])
            await asyncio.sleep(0.01)
        raw.send(frame[LIMIT * 2 + 50 :])
        raw.frame(BINARY, b"next")
        opcode, payload = await raw.next()
        while opcode == PING:
            opcode, payload = await raw.next()
        assert (opcode, payload) == (BINARY, b"next")


async def test_a_strangers_fragments_count_together() -> None:
    """[G21] What comes behind them is read."""
    async with strangers() as (server, them):
        raw = await server.open()
        for opcode in (BINARY, CONTINUATION, CONTINUATION):
            raw.frame(opcode, bytes(LIMIT - 1), fin=False)
        raw.frame(CONTINUATION, b"")
        raw.frame(BINARY, b"next")
        assert await raw.next() == (BINARY, b"next")
        assert them[0].oversizes == [(2 * LIMIT - 2, bytes(KIB))]


def held(server: Running, them: list[Stranger]) -> int:
    """Bytes of the newest stranger's read buffer, free or not, as far as the guard knows."""
    wire = them[-1].wire
    assert isinstance(wire, PicowsWire) and wire._intake._guard is not None
    return wire._intake.unused + wire._intake._guard.held


async def test_a_read_buffer_grows_by_what_it_must_hold_and_no_more() -> None:
    """[G21] Neither what a frame claims nor a long stream of small ones make it larger."""
    async with strangers(max_pending_bytes=64 * KIB) as (server, them):
        raw = await server.open()
        raw.send(client_frame(BINARY, b"x" * 100) * 5000)
        for _ in range(5000):
            await raw.next()
        assert held(server, them) <= 4 * KIB
        raw.send(client_frame(BINARY, bytes(15 * MIB))[: 60 * KIB])
        await eventually(lambda: held(server, them) >= 60 * KIB, "the part of a message")
        assert held(server, them) <= 130 * KIB


@pytest.mark.parametrize("way", ["tcp", "unix", "tls"])
async def test_who_has_signed_in_may_send_large_messages_at_once(
    way: str, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """[G21] In the same segment as the message that signs in, too: the limit is lifted when the server knows."""
    cert, key = certificate
    listen = {
        "tcp": ListenSettings(port=0),
        "unix": ListenSettings(uds=tmp_path / "s"),
        "tls": ListenSettings(port=0, tls_cert=cert, tls_key=key),
    }[way]
    async with strangers(listen=listen) as (server, them):
        raw = await server.open(context=trust(cert) if way == "tls" else None)
        raw.send(client_frame(BINARY, big()) + client_frame(BINARY, b"hello"))
        assert await raw.next() == (BINARY, b"hello")
        assert len(them[0].oversizes) == 1
        raw.send(client_frame(BINARY, b"sign in") + client_frame(BINARY, big()))
        assert await raw.next() == (BINARY, b"sign in")
        assert await raw.next() == (BINARY, big())
        raw.frame(BINARY, big(MIB))
        assert await raw.next() == (BINARY, big(MIB))
        assert len(them[0].oversizes) == 1


@pytest.mark.parametrize("seed", [1, 2, 3, fresh()])
async def test_signing_in_loses_nothing_that_was_on_its_way(seed: int) -> None:
    """[G21] Wherever in a frame the stream is when the server knows who it is: in a head, in a payload, between."""
    rng = random.Random(seed)
    async with strangers() as (server, them):
        for _ in range(40):
            raw = await server.open()
            small = [rng.randbytes(rng.choice((0, 5, 125, 126, 1000, LIMIT))) for _ in range(rng.randrange(1, 4))]
            stream = b"".join(client_frame(BINARY, payload) for payload in small)
            cut = rng.randrange(len(stream))
            raw.send(stream[:cut])
            parts = rng.randrange(3)
            for _ in range(parts):
                await asyncio.sleep(0.001)
            them[-1].wire.signed_in()
            raw.send(stream[cut:] + client_frame(BINARY, big(300 * KIB)))
            for payload in (*small, big(300 * KIB)):
                assert await raw.next() == (BINARY, payload), f"seed {seed}"
            assert them[-1].oversizes == [], f"seed {seed}"
            raw.abort()


async def test_a_large_frame_that_began_before_is_read_when_somebody_signs_in_meanwhile() -> None:
    """[G21] A client that does not wait for the answer: its frame is in the buffer as far as strangers may."""
    async with strangers() as (server, them):
        raw = await server.open()
        frame = client_frame(BINARY, big())
        raw.send(frame[:LIMIT])
        await eventually(lambda: held(server, them) >= LIMIT, "the beginning")
        them[0].wire.signed_in()
        raw.send(frame[LIMIT:])
        assert await raw.next() == (BINARY, big())


async def test_a_fragmented_message_that_began_before_keeps_its_limit() -> None:
    """[G21] It is dropped as a whole, never in part; the next may be large."""
    async with strangers() as (server, them):
        raw = await server.open()
        raw.frame(BINARY, bytes(LIMIT), fin=False)
        raw.frame(CONTINUATION, b"x", fin=False)
        await eventually(lambda: them[0].oversizes, "the application is told")
        them[0].wire.signed_in()
        raw.frame(CONTINUATION, bytes(10), fin=False)
        raw.frame(CONTINUATION, bytes(10))
        raw.frame(BINARY, big(MIB))
        assert await raw.next() == (BINARY, big(MIB))
        assert them[0].messages == [big(MIB)]


async def test_of_too_many_strangers_the_oldest_is_closed() -> None:
    """[G22] With 1013, and what it has sent is given back at once."""
    async with strangers(max_pending_connections=3) as (server, them):
        raws = [await server.open() for _ in range(3)]
        raws[0].send(client_frame(BINARY, bytes(LIMIT))[:-1])
        await eventually(lambda: held_by(them[0]) >= LIMIT, "the part of a message")
        raws.append(await server.open())
        code, reason = await raws[0].close_code()
        assert code == 1013 and "max_pending_connections" in reason
        assert held_by(them[0]) == 0
        raws[0].frame(CLOSE, (1013).to_bytes(2))
        assert await raws[0].rest() == b""
        raws[0].abort()
        await eventually(lambda: them[0].ends, "the application is told")
        assert them[0].ends == [(1013, False)]
        assert server.gateway.statistics().pending == 3
        for raw in raws[1:]:
            raw.frame(BINARY, b"still there")
            assert await raw.next() == (BINARY, b"still there")


async def test_a_stranger_that_does_not_finish_closing_is_waited_for_no_longer() -> None:
    """[G22] When its place is wanted: it was told."""
    async with strangers(max_pending_connections=1, close_seconds=60) as (server, them):
        raw = await server.open()
        raw.send(client_frame(BINARY, bytes(LIMIT))[:-1])
        them[0].wire.close(4401, "sign in")
        assert (await raw.close_code())[0] == 4401
        newcomer = await server.open()
        await eventually(lambda: them[0].ends, "it is gone")
        newcomer.frame(BINARY, b"hello")
        assert await newcomer.next() == (BINARY, b"hello")


def held_by(stranger: Stranger) -> int:
    """Bytes of a message under way."""
    wire = stranger.wire
    assert isinstance(wire, PicowsWire)
    return 0 if wire._intake._guard is None else wire._intake._guard.held


async def test_a_stranger_is_one_until_it_signs_in_or_leaves_or_is_turned_away() -> None:
    """[G22] Then it has no place among them any more, and none is taken twice."""
    async with strangers(max_pending_connections=1) as (server, them):

        def pending() -> int:
            return server.gateway.statistics().pending

        known = await server.open()
        assert pending() == 1
        them[0].wire.signed_in()
        them[0].wire.signed_in()
        assert pending() == 0
        leaving = await server.open()
        assert pending() == 1
        leaving.abort()
        await eventually(lambda: pending() == 0, "its place is free")
        them[1].wire.signed_in()
        turned_away = await server.open()
        them[2].wire.turn_away(Forbidden("no"), "somebody")
        them[2].wire.signed_in()
        assert (await turned_away.close_code())[0] == 4403
        turned_away.abort()
        raws = [await server.open() for _ in range(3)]
        assert [(await raw.close_code())[0] for raw in raws[:2]] == [1013, 1013]
        known.frame(BINARY, big(MIB))
        assert await known.next() == (BINARY, big(MIB))
        assert pending() == 1


async def test_a_held_stranger_has_no_place_and_no_large_messages() -> None:
    """[G22] It cannot sign in any more."""
    async with strangers(max_pending_connections=1, hold_seconds=60) as (server, them):
        raws = []
        for _ in range(2):
            raws.append(await server.open())
            them[-1].wire.turn_away(Forbidden("no"), "somebody")
        assert (await raws[0].close_code())[0] == 4403
        await eventually(lambda: server.gateway.statistics().held == 1, "the second is held")
        them[-1].wire.signed_in()
        assert server.gateway.statistics().pending == 0
        wire = them[-1].wire
        assert isinstance(wire, PicowsWire) and wire._intake.guarded


# ---- thousands of them, against a process of its own


@dataclass
class Crowd:
    """A server's process, and strangers that hold all they can."""

    process: asyncio.subprocess.Process
    port: int
    raws: list[Raw]

    async def connect(self) -> Raw:
        """An open WebSocket."""
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port, limit=32 * MIB))
        raw.send(request())
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        return raw

    async def grow(self, count: int, size: int) -> None:
        """So many more strangers, each in the middle of a message of which it has sent `size` bytes."""
        start = client_frame(BINARY, bytes(MIB))[:size]
        for _ in range(0, count, 100):
            some = await asyncio.gather(*(self.connect() for _ in range(100)))
            for raw in some:
                raw.send(start)
            self.raws += some

    def memory(self) -> int:
        """Resident bytes of the server."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


@asynccontextmanager
async def crowd(max_pending: int, max_pending_bytes: int, count: int) -> AsyncIterator[Crowd]:
    """A server with these limits. Skips where a process may not have `count` sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"a process may open {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    script = Path(__file__).with_name("strangers_server.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(max_pending), str(max_pending_bytes),
        stdout=asyncio.subprocess.PIPE, cwd=script.parent,
    )  # fmt: skip
    assert process.stdout is not None
    them = Crowd(process, int(await asyncio.wait_for(process.stdout.readline(), 30)), [])
    try:
        yield them
    finally:
        process.kill()
        await process.wait()
        for raw in them.raws:
            raw.abort()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def honest(them: Crowd) -> None:
    """A client that signs in and works."""
    raw = await them.connect()
    for payload in (b"sign in", big(), b"more"):
        raw.frame(BINARY, payload)
        assert await raw.next() == (BINARY, payload)
    raw.abort()


async def besiege(count: int, max_pending: int, max_pending_bytes: int) -> int:
    """How many bytes the server grew by, while `count` strangers came and honest clients worked among them."""
    async with crowd(max_pending, max_pending_bytes, count) as them:
        await honest(them)
        working = await them.connect()
        working.frame(BINARY, b"sign in")
        await working.next()
        before = them.memory()
        for _ in range(4):
            await them.grow(count // 4, max_pending_bytes)
            await honest(them)
            working.frame(BINARY, b"still there")
            assert await working.next() == (BINARY, b"still there")
        working.frame(BINARY, b"how many")
        assert int((await working.next())[1]) <= max_pending
        codes = await asyncio.gather(*(raw.close_code() for raw in them.raws[: count - max_pending]))
        assert {code for code, _ in codes} == {1013}
        grown = them.memory() - before
        print(
            f"{count} strangers, {max_pending} at once: {grown / MIB:.0f} MiB, {grown / max_pending / KIB:.0f} KiB each"
        )
        return grown


PER_SOCKET = 64 * KIB
"""Resident bytes of a socket that holds nothing: about 30 KiB, and what the allocator does not give back."""


async def test_a_crowd_of_strangers_keeps_nobody_out_and_costs_little() -> None:
    """[G22] A read buffer is at most twice what a stranger may send."""
    grown = await besiege(1200, 1000, 32 * KIB)
    assert grown < 1000 * (PER_SOCKET + 2 * 32 * KIB)


@pytest.mark.long
async def test_ten_thousand_strangers_keep_nobody_out_and_cost_little() -> None:
    """[G22] The same with the default limits."""
    grown = await besiege(10_000, 1000, 256 * KIB)
    assert grown < 1000 * (PER_SOCKET + 2 * 256 * KIB)
