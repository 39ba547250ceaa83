"""Many join one large room at once."""

from __future__ import annotations

import asyncio

from support.server import MotetServer
from support.sockets import RawClient, close_all
from support.waiting import eventually
from support.wire import Typist

JOINERS = 60
PIECE = "0123456789" * 5_000
PIECES = 40
"""Together 2 MB."""


async def test_a_join_storm_gets_the_whole_document_while_another_room_is_edited(
    shared_server: MotetServer, room: str
) -> None:
    """[R2] Everybody has everything, edits made meanwhile too; others are served between."""
    author = await (await RawClient.hocuspocus(shared_server.ws_url, room, apply=False)).synced()
    typist = Typist(client=9)
    for _ in range(PIECES):
        await author.update(typist.type(PIECE))
    await eventually(lambda: author.saved == PIECES, "the document is saved")
    other = await (await RawClient.hocuspocus(shared_server.ws_url, f"{room}/other", apply=False)).synced()
    elsewhere = Typist(client=8)

    async def join(number: int) -> RawClient:
        open_client = RawClient.hocuspocus if number % 3 == 0 else RawClient.yjs
        return await (await open_client(shared_server.ws_url, room, apply=number % 10 == 0)).synced()

    storm = asyncio.gather(*(join(number) for number in range(JOINERS)))
    edits = 0
    while not storm.done():
        await other.update(elsewhere.type("x"))
        edits += 1
        await eventually(lambda: other.saved == edits, "the other room is saved")  # noqa: B023
    await author.update(typist.type("meanwhile"))
    joiners = await storm
    readers = [joiner for joiner in joiners if joiner.doc is not None]
    await eventually(lambda: all(r.text().endswith("9meanwhile") for r in readers), "all have everything")
    assert all(len(reader.text()) == PIECES * len(PIECE) + len("meanwhile") for reader in readers)
    assert all(joiner.closed is None for joiner in joiners)
    await close_all(joiners)
