"""A member that does not read costs a bounded amount of memory, and gets everything when it reads again."""

from __future__ import annotations

import pytest

from support.load import Overwriter, newest
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.waiting import eventually

MIB = 1 << 20
GROWTH = 40 * MIB
"""Bytes that the server's resident memory may grow by, however much passes the member by."""


async def overwrite_past(server: MotetServer, slow: RawClient, size: int) -> Overwriter:
    """Writes so many bytes past `slow`; the server's memory is looked at all the way."""
    writer = Overwriter(await (await RawClient.hocuspocus(server.ws_url, "board", apply=False)).synced())
    await writer.write(MIB)
    before = server.rss()
    for written in range(0, size, 4 * MIB):
        await writer.write(4 * MIB)
        grown = server.rss() - before
        assert grown <= GROWTH, f"{grown >> 20} MiB more after {written >> 20} MiB"
    assert slow.closed is None
    return writer


async def catches_up(server: MotetServer, size: int) -> None:
    """Of two members one does not read for a while."""
    quick = await RawClient.yjs(server.ws_url, "board")
    slow = await RawClient.yjs(server.ws_url, "board", read=False)
    writer = await overwrite_past(server, slow, size)
    await eventually(lambda: newest(quick) == writer.sent - 1, "the quick one has the newest write")
    slow.read()
    await eventually(lambda: newest(slow) == writer.sent - 1, "the slow one catches up")
    assert slow.closed is None
    await writer.write(MIB)
    await eventually(lambda: newest(slow) == writer.sent - 1, "and follows again")
    assert slow.state() == quick.state()


async def test_a_slow_reader_costs_a_bounded_amount_and_catches_up(start_motet: StartMotet) -> None:
    """[R9] Past the mark it gets no document frames; when it has drained, what it lacks in chunks."""
    await catches_up(start_motet(), 60 * MIB)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_200_mb_pass_a_slow_reader(start_motet: StartMotet) -> None:
    """[R9] Hocuspocus 4.7 grows by 356 MB here, y-websocket by 404."""
    await catches_up(start_motet(), 200 * MIB)


async def test_a_member_that_takes_nothing_for_too_long_is_closed_with_1013(start_motet: StartMotet) -> None:
    """[R9] Try again later: it gets everything at its next join."""
    server = start_motet({"MOTET_BEHIND_SECONDS": "2"})
    slow = await RawClient.yjs(server.ws_url, "board", read=False)
    await overwrite_past(server, slow, 24 * MIB)
    watcher = await RawClient.yjs(server.ws_url, "board", apply=False)
    await eventually(lambda: server.metric("motet_members") == 2, "it is dismissed")
    slow.read()
    code, reason = await slow.ended()
    assert (code, "behind_seconds" in reason) == (1013, True)
    assert watcher.closed is None
