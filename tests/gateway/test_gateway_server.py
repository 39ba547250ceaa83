"""How it listens, how it stops, and that streams are whole over every kind of socket."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from gateway_harness import CLOSE, Raw, message, request, running, trust

from motet.errors import ConfigError
from motet.gateway import Connection, ListenSettings, Upgrade
from motet.gateway.settings import KIB
from support.waiting import eventually

KINDS = ["tcp", "tls", "unix"]


@pytest.fixture
def listening(
    request: pytest.FixtureRequest, certificate: tuple[Path, Path], tmp_path: Path
) -> tuple[ListenSettings, ssl.SSLContext | None]:
    """Where to listen for the kind of socket that the test is given, and how a client trusts it."""
    kind = request.param
    if kind == "tls":
        return ListenSettings(port=0, tls_cert=certificate[0], tls_key=certificate[1]), trust(certificate[0])
    return ListenSettings(port=0, uds=tmp_path / "motet.sock" if kind == "unix" else None), None


@pytest.mark.parametrize("listening", KINDS, indirect=True)
async def test_a_slow_reader_gets_every_byte(listening: tuple[ListenSettings, ssl.SSLContext | None]) -> None:
    """[G11] Frames of 8 to 64 KiB into a socket that is backed up; congested and drained are told, in turns."""
    listen, context = listening
    async with running(listen=listen) as server:
        raw = await server.open(context=context)
        assert server.last.upgrade is not None
        assert server.last.upgrade.address == ("unix" if listen.uds else "127.0.0.1")
        sizes = [8 * KIB - 1, 8 * KIB, 8 * KIB + 1, 20_000, 65_535, 65_536]
        wire, events = server.last.wire, server.last.events
        sent = read = 0
        for turn in range(3):
            while events.count("congested") <= turn or wire.buffered() < 2**20:  # nobody reads meanwhile
                for size in sizes:
                    wire.write(message(sent.to_bytes(4) + bytes((sent & 0xFF,)) * size))
                    sent += 1
            while events.count("drained") <= turn or (turn == 2 and read < sent):
                _, payload = await raw.next()
                assert payload == read.to_bytes(4) + bytes((read & 0xFF,)) * sizes[read % len(sizes)], read
                read += 1
        assert events == ["opened", *["congested", "drained"] * 3]
        raw.frame(CLOSE, (1000).to_bytes(2))
        assert await raw.next() == (CLOSE, (1000).to_bytes(2))
        await eventually(lambda: not server.gateway.statistics().connections, "it is closed")


@pytest.mark.parametrize("listening", KINDS, indirect=True)
async def test_a_drain_works_over_every_kind_of_socket(
    listening: tuple[ListenSettings, ssl.SSLContext | None],
) -> None:
    """[G2] 1012 with retry_after in the reason; a unix socket's file goes."""
    listen, context = listening
    async with running(listen=listen) as server:
        raws = [await server.open(context=context) for _ in range(3)]
        server.server.stop()
        for raw in raws:
            code, reason = await raw.close_code()
            assert code == 1012 and re.fullmatch(r"retry_after=\d+\.\d+", reason)
            raw.frame(CLOSE, (1012).to_bytes(2))
        await asyncio.wait_for(server.task, 30)
        assert {recorder.ends[0] for recorder in server.recorders} == {(1012, True)}
        assert listen.uds is None or not listen.uds.exists()


async def test_the_order_of_a_stop() -> None:
    """[G2] Nobody comes in, the application is told, everybody leaves, the application is told."""
    order: list[str] = []

    async def drain() -> None:
        order.append(f"drain {server.gateway.statistics().connections}")
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", server.port)
        kept.send(request())
        assert (await kept.answer())[0] == 503

    async def stopped() -> None:
        order.append(f"stopped {server.gateway.statistics().connections}")

    async with running(on_drain=drain, on_stopped=stopped) as server:
        raw, kept = await server.open(), await server.connect()
        await eventually(lambda: server.gateway.statistics().heads == 1, "its socket is accepted")
        server.server.stop()
        assert (await raw.close_code())[0] == 1012
        raw.frame(CLOSE)
        await asyncio.wait_for(server.task, 30)
    assert order == ["drain 1", "stopped 0"]


async def test_many_are_spread_and_their_advice_too() -> None:
    """[G2] Over drain_seconds, so that they do not all come back at once."""
    async with running(drain_seconds=0.5) as server:
        raws = [await server.open() for _ in range(100)]
        server.server.stop()
        loop = asyncio.get_running_loop()

        async def leave(raw: Raw) -> tuple[float, str]:
            _, reason = await raw.close_code()
            raw.frame(CLOSE, (1012).to_bytes(2))
            return loop.time(), reason

        ends = await asyncio.gather(*(leave(raw) for raw in raws))
        times = sorted(time for time, _ in ends)
        assert times[-1] - times[0] > 0.3
        assert len({reason for _, reason in ends}) > 50


async def test_whoever_does_not_leave_is_aborted() -> None:
    """[G2] After close_seconds; an upgrade that waits for its answer is refused with 503."""

    async def never(upgrade: Upgrade) -> Connection:
        await asyncio.sleep(3600)
        raise AssertionError

    async with running(close_seconds=0.1) as server:
        raw = await server.open()
        server.server.stop()
        await asyncio.wait_for(server.task, 30)
        assert (await raw.close_code())[0] == 1012
        assert server.last.ends == [(1012, False)]
    async with running(never) as server:
        raw = await server.connect()
        raw.send(request())
        await eventually(lambda: server.gateway.statistics().accepting == 1, "the application is asked")
        server.server.stop()
        assert (await raw.answer())[0] == 503


@asynccontextmanager
async def echo_process(close_seconds: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, bytes]]:
    """A server in a process of its own."""
    script = str(Path(__file__).with_name("echo_server.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, str(close_seconds), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parent
    )
    assert process.stdout is not None
    try:
        yield process, await asyncio.wait_for(process.stdout.readline(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_the_process_ends_well(sig: signal.Signals) -> None:
    """[G2] Exit code 0, after everything is done."""
    async with echo_process(5) as (process, port):
        raw = Raw(*await asyncio.open_connection("127.0.0.1", int(port)))
        raw.send(request())
        await raw.head()
        process.send_signal(sig)
        assert (await raw.close_code())[0] == 1012
        raw.frame(CLOSE, (1012).to_bytes(2))
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, out.split()) == (0, [b"drain", b"stopped", b"end"])


async def test_a_second_signal_does_not_wait_for_anybody() -> None:
    """[G2] The first would wait a minute for this client's CLOSE; `on_stopped` is called all the same."""
    async with echo_process(60) as (process, port):
        raw = Raw(*await asyncio.open_connection("127.0.0.1", int(port)))
        raw.send(request())
        await raw.head()
        process.send_signal(signal.SIGTERM)
        assert (await raw.close_code())[0] == 1012
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, out.split()) == (0, [b"drain", b"stopped", b"end"])


async def test_a_port_that_is_taken_is_a_clear_error() -> None:
    """[G18] It names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1 port {port}"):
            async with running(listen=ListenSettings(port=port)):
                pass


async def test_a_unix_socket_that_is_in_use_is_a_clear_error_and_a_left_over_file_is_none(tmp_path: Path) -> None:
    """[G18] A server that was killed leaves its file."""
    path = tmp_path / "motet.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with running(listen=ListenSettings(uds=path)) as server:
        await server.open()
        with pytest.raises(ConfigError, match=r"motet\.sock: another process"):
            async with running(listen=ListenSettings(uds=path)):
                pass
        await server.open()


async def test_a_certificate_that_cannot_be_read_is_a_clear_error(certificate: tuple[Path, Path]) -> None:
    """[G18] Missing, or no certificate."""
    for cert in (Path("/nowhere.pem"), Path(__file__)):
        with pytest.raises(ConfigError, match="certificate"):
            async with running(listen=ListenSettings(port=0, tls_cert=cert, tls_key=certificate[1])):
                pass


async def test_a_tls_handshake_that_takes_too_long_ends_the_connection(certificate: tuple[Path, Path]) -> None:
    """[G14] head_seconds for it, and again for the head."""
    listen = ListenSettings(port=0, tls_cert=certificate[0], tls_key=certificate[1])
    async with running(listen=listen, head_seconds=0.2) as server:
        raw = await server.connect()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await raw.head()
        raw = await server.connect(trust(certificate[0]))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await raw.head()
