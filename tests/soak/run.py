"""A served Motet, the crowd and the samples together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycrdt import Doc, Map, Text

from soak.crowd import Crowd, Place
from soak.samples import Calibration, memory, take, write
from soak.shape import Shape
from soak.tally import Tally
from soak.waves import Ebb, empty, waves
from support.server import MotetServer
from support.sockets import RawClient
from support.tokens import token
from support.waiting import eventually


@dataclass(slots=True)
class Outcome:
    """What a soak found, besides its samples."""

    tally: Tally
    unsaved: int
    """Edits of those who were there at the end that never got a status."""
    ebb: Ebb
    left: int = 0
    """Anonymous bytes of the server when everybody had left."""
    different: list[str] = field(default_factory=list)
    """Rooms in which the server holds something else than the people wrote."""


async def soak(server: MotetServer, shape: Shape, seed: int, samples: Path) -> Outcome:
    """Runs it against a server that was just started; a line for each window goes to the file `samples`."""
    ebb = await waves(server)
    crowd = Crowd(shape, server.ws_url, seed)
    calibration = Calibration(samples.parent)
    watching = asyncio.create_task(_watch(server, crowd, calibration, shape, samples))
    calibrating = asyncio.create_task(calibration.run())
    await _beside(crowd.run(shape.seconds), watching, calibrating)
    await crowd.settle()
    outcome = Outcome(crowd.tally, crowd.unsaved, ebb)
    await crowd.all_leave()
    for place in crowd.places:
        await _compare(server, place, outcome)
    await empty(server)
    outcome.left = memory(server.process.pid)[2]
    return outcome


async def _beside(work: Awaitable[None], *tasks: asyncio.Task[None]) -> None:
    """Does the work while tasks run that end only by a fault, which is raised."""
    try:
        await work
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for fault in ended:
        if isinstance(fault, Exception):
            raise fault


async def _watch(server: MotetServer, crowd: Crowd, calibration: Calibration, shape: Shape, samples: Path) -> None:
    began = time.monotonic()
    number = 0
    while True:
        number += 1
        await asyncio.sleep(began + number * shape.window - time.monotonic())
        write(await take(server, crowd, calibration, began), samples)


async def _compare(server: MotetServer, place: Place, outcome: Outcome) -> None:
    """What was promised is there; and when somebody has brought what never got through with a connection that broke,
    there is exactly what the people wrote."""
    room, document = place.room.name, place.room.document
    shown = token("stranger", {room: "editor"})
    reader = await RawClient.yjs(server.ws_url, room, token=shown)
    await reader.synced()
    assert reader.doc is not None
    outcome.tally.broken.extend(f"{room}: {promise}" for promise in document.broken(reader.doc.get_state()))
    await reader.update(document.doc.get_update())
    try:
        await eventually(lambda: _same(server, room, shown, document.doc), "the same document", deadline=10)
    except AssertionError:
        outcome.different.append(room)
    await reader.close()


async def _same(server: MotetServer, room: str, shown: str, doc: Doc[Any]) -> bool:
    reader = await RawClient.yjs(server.ws_url, room, token=shown)
    await reader.synced()
    await reader.close()
    assert reader.doc is not None
    return _content(reader.doc) == _content(doc)


def _content(doc: Doc[Any]) -> tuple[str, object]:
    return str(doc.get("text", type=Text)), doc.get("board", type=Map).to_py()
