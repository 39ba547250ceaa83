"""One open socket, met by right and wrong clients."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from gateway_harness import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Running, client_frame, running
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from motet.errors import OverQuota
from motet.gateway.settings import KIB, MIB
from motet.gateway.wire import PicowsWire
from support.waiting import eventually


def read_buffer(server: Running) -> int:
    """Bytes free in the read buffer of the newest connection."""
    wire = server.last.wire
    assert isinstance(wire, PicowsWire)
    return wire._intake.unused


async def test_messages_of_every_length_encoding_come_back_as_they_were() -> None:
    """[G5] 7, 16 and 64 bits of length, with the masks of a real client."""
    async with running() as server, connect(f"ws://127.0.0.1:{server.port}/ws/room", max_size=None) as client:
        for size in (0, 1, 125, 126, 65_535, 65_536, 300_000, MIB):
            payload = random.randbytes(size)
            await client.send(payload)
            assert await client.recv() == payload, size


async def test_text_is_refused() -> None:
    """[G5] Valid UTF-8 or not: 1003."""
    async with running() as server:
        for text in (b"hello", b"\xff\xfe"):
            raw = await server.open()
            raw.frame(TEXT, text)
            assert (await raw.close_code())[0] == 1003
            assert server.last.messages == []


@pytest.mark.parametrize(
    "wrong",
    [
        client_frame(BINARY, b"x", rsv=4),
        client_frame(BINARY, b"x", rsv=2),
        client_frame(BINARY, b"x", rsv=1),
        client_frame(CONTINUATION, b"x"),
        client_frame(CONTINUATION, b"x", fin=False),
        client_frame(BINARY, b"x", fin=False) + client_frame(BINARY, b"y"),
        client_frame(BINARY, b"x", masked=False),
        client_frame(3, b"x"),
        client_frame(11, b"x"),
        client_frame(PING, b"x", fin=False),
        client_frame(PING, b"x" * 126),
        client_frame(CLOSE, b"\x03"),
        b"\x82\xfe\x00\x05" + bytes(9),
        b"\x82\xff" + (5).to_bytes(8) + bytes(9),
        b"\x82\xff\x80" + bytes(16),
    ],
    ids=[
        "first reserved bit",
        "second reserved bit",
        "third reserved bit",
        "orphan continuation",
        "orphan fragment",
        "message inside a message",
        "no mask",
        "unknown opcode",
        "unknown control opcode",
        "fragmented ping",
        "long ping",
        "half a close code",
        "length of 16 bits that needs 7",
        "length of 64 bits that needs 7",
        "length of more than 63 bits",
    ],
)
async def test_wrong_frames_end_the_connection_with_1002(wrong: bytes) -> None:
    """[G6] And with a CLOSE that arrives, though more bytes were on their way."""
    async with running() as server:
        raw = await server.open()
        raw.send(wrong + client_frame(BINARY, b"never read"))
        assert (await raw.close_code())[0] == 1002
        raw.frame(BINARY, b"nor this")
        raw.writer.write_eof()
        await eventually(lambda: server.last.ends, "the application is told")
        assert server.last.ends == [(1002, False)]
        assert server.last.messages == []


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
async def test_close_codes_that_may_not_be_sent_are_answered_with_1002(code: int) -> None:
    """[G9] RFC 6455, section 7.4."""
    async with running() as server:
        raw = await server.open()
        raw.frame(CLOSE, code.to_bytes(2))
        assert (await raw.close_code())[0] == 1002


async def test_a_close_reason_that_is_no_utf8_is_answered_with_1007() -> None:
    """[G9] RFC 6455, section 8.1."""
    async with running() as server:
        raw = await server.open()
        raw.frame(CLOSE, b"\x03\xe8\xff")
        assert (await raw.close_code())[0] == 1007


@pytest.mark.parametrize(("sent", "answered", "told"), [(1000, 1000, 1000), (4321, 4321, 4321), (None, 1000, 1005)])
async def test_a_close_is_answered_and_the_socket_ended(sent: int | None, answered: int, told: int) -> None:
    """[G9] With the peer's code; 1000 for none. The server ends the TCP connection."""
    async with running() as server:
        raw = await server.open()
        raw.frame(CLOSE, b"" if sent is None else sent.to_bytes(2) + b"bye")
        assert await raw.next() == (CLOSE, answered.to_bytes(2))
        assert await raw.rest() == b""
        assert server.last.ends == [(told, True)]
        await eventually(lambda: not server.gateway.statistics().connections, "it is forgotten")


async def test_our_close_waits_for_the_peers() -> None:
    """[G9] What the peer still sends is read and dropped; then both ends know how it ended."""
    async with running() as server:
        raw = await server.open()
        server.last.wire.close(4403, "no")
        server.last.wire.close(1000, "only the first counts")
        server.last.wire.write(b"\x82\x01x")
        raw.frame(BINARY, b"dropped")
        assert await raw.close_code() == (4403, "no")
        raw.frame(CLOSE, (4403).to_bytes(2))
        assert await raw.rest() == b""
        assert (server.last.ends, server.last.messages) == ([(4403, True)], [])


async def test_a_peer_that_does_not_answer_our_close_is_aborted() -> None:
    """[G9] After close_seconds."""
    async with running(close_seconds=0.1) as server:
        raw = await server.open()
        server.last.wire.close(4403, "no")
        await eventually(lambda: server.last.ends, "it is aborted")
        assert server.last.ends == [(4403, False)]
        assert await raw.close_code() == (4403, "no")


async def test_a_peer_that_closes_and_does_not_read_is_aborted() -> None:
    """[G9] close_seconds is also for what is in the write buffer."""
    async with running(close_seconds=0.1) as server:
        raw = await server.open()
        raw.writer.transport.pause_reading()
        for _ in range(32):
            server.last.wire.write(b"\x82\x7f" + MIB.to_bytes(8) + bytes(MIB))
        raw.frame(CLOSE, (1000).to_bytes(2))
        await eventually(lambda: not server.gateway.statistics().connections, "it is aborted")
        assert server.last.ends == [(1000, True)]


async def test_a_close_reason_is_cut_between_characters() -> None:
    """[G9] At 123 bytes of UTF-8."""
    async with running() as server:
        raw = await server.open()
        server.last.wire.close(4403, "x" + "ü" * 100)
        assert await raw.close_code() == (4403, "x" + "ü" * 61)


async def test_nothing_raises_after_the_end() -> None:
    """[G9] Neither after ours nor after the peer's, nor after a reset that nobody has noticed yet."""
    async with running() as server:
        raw = await server.open()
        wire = server.last.wire
        raw.abort()
        for _ in range(3):
            wire.write(b"\x82\x01x")
            await asyncio.sleep(0)
        await eventually(lambda: server.last.ends, "the end is noticed")
        assert server.last.ends == [(1006, False)]
        wire.write(b"\x82\x01x")
        wire.ping()
        wire.pause_reading()
        wire.resume_reading()
        wire.close(1000)
        wire.abort()
        assert wire.buffered() == 0
        assert len(server.last.ends) == 1


async def test_fragments_become_one_message() -> None:
    """[G7] With control frames between them, and the next message after them."""
    async with running() as server:
        raw = await server.open()
        raw.frame(BINARY, b"one ", fin=False)
        raw.frame(PING, b"?")
        raw.frame(CONTINUATION, b"", fin=False)
        raw.frame(CONTINUATION, b"message")
        raw.frame(BINARY, b"another")
        assert await raw.next() == (PONG, b"?")
        assert await raw.next() == (BINARY, b"one message")
        assert await raw.next() == (BINARY, b"another")


async def test_a_message_over_the_limit_is_dropped_and_told_with_its_beginning() -> None:
    """[G8] Whole or in fragments; what comes after it is read as if nothing had been."""
    async with running(max_message_bytes=100 * KIB) as server:
        raw = await server.open()
        raw.frame(BINARY, b"whole" + bytes(100 * KIB))
        raw.frame(BINARY, b"frag", fin=False)
        raw.frame(CONTINUATION, b"ments", fin=False)
        raw.frame(CONTINUATION, bytes(100 * KIB), fin=False)
        raw.frame(CONTINUATION, bytes(100 * KIB), fin=False)
        raw.frame(CONTINUATION, b"end")
        raw.frame(BINARY, b"next")
        assert await raw.next() == (BINARY, b"next")
        (size, head), (size_so_far, head_of_fragments) = server.last.oversizes
        assert (size, head[:8]) == (100 * KIB + 5, b"whole\0\0\0")
        assert (size_so_far, head_of_fragments[:12]) == (100 * KIB + 9, b"fragments\0\0\0")


async def test_a_small_limit_holds_too() -> None:
    """[G8] To the byte."""
    async with running(max_message_bytes=100) as server:
        raw = await server.open()
        raw.frame(BINARY, bytes(101))
        raw.frame(BINARY, bytes(100))
        assert await raw.next() == (BINARY, bytes(100))
        assert server.last.oversizes == [(101, bytes(101))]


@pytest.mark.parametrize("size", [250 * KIB, 30 * MIB])
async def test_a_client_that_uploads_too_much_learns_the_code(size: int) -> None:
    """[G8] Never 1009 or a reset, on which y-websocket uploads again: the upload is read to its end and dropped."""
    async with running(max_message_bytes=100 * KIB) as server:
        async with connect(f"ws://127.0.0.1:{server.port}/ws/room", max_size=None) as client:
            server.last.on_oversized = lambda wire: wire.close(4413, "max_message_bytes")
            with pytest.raises(ConnectionClosedError) as ended:
                await client.send(bytes(size))
                await client.recv()
            assert ended.value.rcvd is not None
            assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4413, "max_message_bytes")
        assert server.last.messages == []


async def test_a_socket_may_stay_open_after_a_message_that_is_too_large_to_read() -> None:
    """[G8] The application can say something on it for as long as it wants; nothing is read from it any more."""
    async with running(max_message_bytes=100 * KIB) as server:
        raw = await server.open()
        raw.frame(BINARY, bytes(3 * MIB))
        await eventually(lambda: server.last.oversizes, "the application is told")
        assert server.last.oversizes == [(17 * 100 * KIB + 1, b"")]
        server.last.wire.write(b"\x82\x02no")
        raw.frame(BINARY, b"never read")
        assert await raw.next() == (BINARY, b"no")
        server.last.wire.close(4413, "max_message_bytes")
        assert await raw.close_code() == (4413, "max_message_bytes")
        raw.abort()
        await eventually(lambda: server.last.ends, "its end is noticed")
        assert server.last.messages == []


async def test_pings_are_answered_in_order() -> None:
    """[G10] With their payload."""
    async with running() as server:
        raw = await server.open()
        for payload in (b"", b"x" * 125):
            raw.frame(PING, payload)
            assert await raw.next() == (PONG, payload)


async def test_pings_of_a_peer_that_does_not_read_are_not_answered() -> None:
    """[G10] Its pongs would grow without a bound."""
    async with running() as server:
        raw = await server.open()
        raw.writer.transport.pause_reading()
        while "congested" not in server.last.events:
            server.last.wire.write(b"\x82\x7e\xff\xff" + bytes(65_535))
        before = server.last.wire.buffered()
        raw.send(client_frame(PING, b"x" * 125) * 1000 + client_frame(BINARY, b"after them"))
        server.last.reply = lambda payload: None
        await eventually(lambda: server.last.messages, "the message after the pings")
        assert server.last.wire.buffered() <= before


async def test_an_error_of_the_tree_closes_with_its_code_and_message() -> None:
    """[G12] The other connections do not notice."""
    async with running() as server:
        raw = await server.open()

        def fail(payload: bytes) -> bytes:
            raise OverQuota("the room is full")

        server.last.reply = fail
        raw.frame(BINARY, b"x")
        assert await raw.close_code() == (4413, "the room is full")


async def test_any_other_error_is_logged_and_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    """[G12] Without a word of what it was."""
    async with running() as server:
        raw = await server.open()

        def fail(payload: bytes) -> bytes:
            raise KeyError("a secret")

        server.last.reply = fail
        with caplog.at_level(logging.ERROR, "motet.gateway"):
            raw.frame(BINARY, b"x")
            raw.frame(BINARY, b"y")
            assert await raw.close_code() == (1011, "internal error")
        assert [record.exc_info is not None for record in caplog.records] == [True]
        assert "received" in caplog.text


async def test_a_silent_peer_is_pinged_and_then_taken_for_dead() -> None:
    """[G3] A socket whose other end is gone without a word is found by nothing else."""
    async with running(ping_seconds=0.1, pong_seconds=0.1) as server:
        raw = await server.open()
        assert await raw.next() == (PING, b"")
        await eventually(lambda: server.last.ends, "it is taken for dead")
        assert server.last.ends == [(1006, False)]


async def test_a_peer_that_answers_pings_stays() -> None:
    """[G3] And the application learns that it is there."""
    async with running(ping_seconds=0.05, pong_seconds=30) as server:
        raw = await server.open()
        for _ in range(4):
            assert await raw.next() == (PING, b"")
            raw.frame(PONG)
        await eventually(lambda: server.last.events.count("heard") == 4, "four pongs")
        assert server.last.ends == []


async def test_the_application_can_ping_and_anything_counts_as_an_answer() -> None:
    """[G3] `heard` comes once for each ping."""
    async with running() as server:
        raw = await server.open()
        raw.frame(BINARY, b"before")
        await raw.next()
        server.last.wire.ping()
        server.last.wire.ping()
        assert await raw.next() == (PING, b"")
        raw.frame(BINARY, b"after")
        raw.frame(PONG)
        assert await raw.next() == (BINARY, b"after")
        assert server.last.events == ["opened", "heard"]


async def test_a_peer_that_we_do_not_read_is_not_silent() -> None:
    """[G3] Its silence is ours."""
    async with running(ping_seconds=0.05, pong_seconds=0.1) as server:
        raw = await server.open()
        assert await raw.next() == (PING, b"")
        server.last.wire.pause_reading()
        raw.frame(BINARY, b"later")
        await asyncio.sleep(0.5)
        server.last.wire.resume_reading()
        assert await raw.next() == (BINARY, b"later")


async def test_a_slow_upload_is_not_silence() -> None:
    """[G3] A peer in the middle of a large frame cannot answer a ping; its bytes show that it is there."""
    async with running(ping_seconds=0.05, pong_seconds=0.3) as server:
        raw = await server.open()
        upload = client_frame(BINARY, bytes(400 * KIB))
        for at in range(0, len(upload), 20 * KIB):  # 20 pieces, far more than pong_seconds in all
            raw.send(upload[at : at + 20 * KIB])
            await asyncio.sleep(0.05)
        await eventually(lambda: server.last.messages, "the upload is through")
        assert server.last.ends == []


async def test_the_read_buffer_of_a_large_message_is_given_back_and_the_connection_lives() -> None:
    """[G17] Also when frames came in right behind it."""
    async with running(max_message_bytes=8 * MIB, read_buffer_bytes=256 * KIB) as server:
        raw = await server.open()
        server.last.reply = lambda payload: payload[:1]
        for _ in range(3):
            raw.send(client_frame(BINARY, b"l" + bytes(4 * MIB)) + client_frame(BINARY, b"s") * 50)
            for expected in (b"l", *[b"s"] * 50):
                assert await raw.next() == (BINARY, expected)
            raw.frame(BINARY, b"e")
            assert await raw.next() == (BINARY, b"e")
            assert read_buffer(server) < 256 * KIB


async def test_a_read_buffer_that_a_stream_of_small_messages_made_grow_is_given_back() -> None:
    """[G17] Found by the sweep, done at the end of the next message."""
    async with running(read_buffer_bytes=16 * KIB) as server:
        raw = await server.open()
        server.last.reply = lambda payload: None
        server.last.wire.pause_reading()
        raw.send(client_frame(BINARY, b"s" * 100) * 3000)
        await raw.writer.drain()
        server.last.wire.resume_reading()
        await eventually(lambda: len(server.last.messages) == 3000, "all are read")
        assert read_buffer(server) > 16 * KIB

        def is_small() -> bool:
            raw.frame(BINARY, b"m")
            return read_buffer(server) < 16 * KIB

        await eventually(is_small, "it is given back")
        assert set(server.last.messages) == {b"s" * 100, b"m"}


async def test_reading_can_be_paused() -> None:
    """[G11] What comes stays in the kernel, and arrives afterwards."""
    async with running() as server:
        raw = await server.open()
        server.last.wire.pause_reading()
        raw.frame(BINARY, b"later")
        await asyncio.sleep(0.1)
        assert server.last.messages == []
        server.last.wire.resume_reading()
        assert await raw.next() == (BINARY, b"later")
