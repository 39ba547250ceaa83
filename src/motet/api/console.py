"""`/api/v1`, for operators: the server, its rooms, one room; what the console page and `motet top` show."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Response

from motet import __version__
from motet.api.administration import ANY, BEARER, BODY, Gate
from motet.api.bodies import json_only
from motet.api.holding import HeldResponse, Places
from motet.api.models import Hash, LogLevel, OneRoom, Order, Rooms, Status, Tick, Top, Totals
from motet.api.paths import InPath, Name
from motet.api.problems import described
from motet.crdt import Documents, View, batches
from motet.errors import MotetError, OverQuota
from motet.ids import MemberId, RoomName
from motet.observability import History
from motet.rooms import Administration, Administrator, Hub, Inspection, Served

EVERY = 1.0
"""Seconds between the events of a stream."""

STREAMS = 16
"""Streams of events at once."""

WHOLE = 4
"""Whole documents at once that are on their way to a reader or to the worker; each may be as large as a room can be."""

MAX_JSON = 16 << 20
"""Bytes of a document whose content is shown: as JSON, and on its way through the server, it is there several times."""


MISSING = described(HTTPStatus.NOT_FOUND)
LARGE = described(HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class Console:
    """What the routes share."""

    def __init__(
        self, hub: Hub, looks: Inspection, acts: Administration, history: History, documents: Documents
    ) -> None:
        self.hub = hub
        self.looks = looks
        self.acts = acts
        self.history = history
        self.documents = documents
        self.started = time.time()
        self.streams = Places(STREAMS, "streams of events")
        self.whole = Places(WHOLE, "whole documents")

    def status(self) -> Status:
        """How the server is now."""
        health = self.hub.health
        return Status(
            version=__version__,
            started=self.started,
            now=time.time(),
            ready=not health.reasons,
            reasons=health.reasons,
            since=health.since,
            totals=Totals.model_validate(self.history.now(), from_attributes=True),
            divergences=self.hub.counts.divergences.total(),
            exceptions=self.hub.counts.exceptions,
            keys_failing=self.hub.keys_failing,
        )

    def rooms(self, by: Order, top: int, age: float = 0.0) -> Rooms:
        """The rooms with the most of something, as they were `age` seconds ago at most."""
        return Rooms(loaded=self.looks.loaded(), rooms=self.looks.top(by, top, age))

    async def opened(self, room: RoomName) -> Served:
        """The room, which is loaded for this if it is stored; without members it leaves memory by itself
        (room_idle_seconds). Raises HTTPException 404, RoomDeleted, Unavailable."""
        if room not in self.hub.served and await self.hub.store.outline(room, 1) is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such room")
        return await self.hub.open(room)


def routes(console: Console, gate: Gate) -> APIRouter:
    """The routes; each takes an admin's grant for all rooms, those of one room one for that room."""
    router = APIRouter(prefix="/api/v1", tags=["console"], dependencies=[Depends(BEARER)], responses=ANY)
    _add_server(router, gate, console)
    _add_stream(router, gate, console)
    _add_views(router, gate, console)
    _add_actions(router, gate, console)
    return router


def room_route(console: Console, gate: Gate) -> APIRouter:
    """The route of one room; its path is any, so it comes after all others."""
    router = APIRouter(prefix="/api/v1", tags=["console"], dependencies=[Depends(BEARER)], responses=ANY)
    admin = Depends(gate.of_room)

    @router.get("/rooms/{room:path}", responses=MISSING)
    async def room(room: InPath, by: Administrator = admin) -> OneRoom:
        """One room: its figures, members, presence, refusals, and the newest rows of its log."""
        found = await console.looks.room(RoomName(room))
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such room")
        console.looks.probe(RoomName(room))
        return OneRoom.of(found)

    return router


def _add_server(router: APIRouter, gate: Gate, console: Console) -> None:
    admin = Depends(gate.of_all)

    @router.get("/status")
    async def status(by: Administrator = admin) -> Status:
        """How the server is now."""
        return console.status()

    @router.get("/history")
    async def history(by: Administrator = admin) -> Response:
        """The last hour, in steps of ten seconds."""
        return Response(console.history.json(), media_type="application/json")

    @router.put("/log-level", status_code=204, dependencies=[Depends(json_only)], responses=BODY)
    async def log_level(wanted: LogLevel, by: Administrator = admin) -> None:
        """Logs from this level on, for a while."""
        console.acts.set_log_level(wanted.level, wanted.minutes, by)

    @router.get("/rooms")
    async def rooms(by: Order = "rate", top: Top = 50, admin: Administrator = admin) -> Rooms:
        """The loaded rooms with the most of what `by` names."""
        return console.rooms(by, top)


def _add_stream(router: APIRouter, gate: Gate, console: Console) -> None:
    everywhere = Depends(gate.of_all)

    @router.get("/events")
    async def events(
        by: Order = "rate",
        top: Top = 50,
        room: Name | None = None,
        admin: Administrator = everywhere,
    ) -> HeldResponse:
        """Server-sent events, one `status` a second, and with `room` one `room` too; they end with the grant."""
        stream = _stream(console, admin, by, top, None if room is None else RoomName(room))
        return HeldResponse(console.streams, stream, "text/event-stream", {"X-Accel-Buffering": "no"})


async def _stream(
    console: Console, admin: Administrator, by: Order, top: int, room: RoomName | None
) -> AsyncIterator[bytes]:
    while not console.hub.draining:
        try:
            console.hub.access.check_administrator(admin.grant, None)
        except MotetError:
            return
        tick = Tick(**dict(console.status()), **dict(console.rooms(by, top, EVERY / 2)))
        yield _event("status", tick.model_dump_json())
        if room is not None:
            yield await _room_event(console, room)
        await asyncio.sleep(EVERY)


async def _room_event(console: Console, room: RoomName) -> bytes:
    console.looks.probe(room)
    try:
        found = await console.looks.room(room)
    except MotetError as e:
        return _event("gone", json.dumps(str(e)))
    if found is None:
        return _event("gone", '"there is no such room"')
    return _event("room", OneRoom.of(found).model_dump_json())


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _add_views(router: APIRouter, gate: Gate, console: Console) -> None:
    admin = Depends(gate.of_room)

    @router.get("/rooms/{room:path}/document", responses=LARGE)
    async def document(room: InPath, by: Administrator = admin) -> Response:
        """The document as JSON, made by a worker."""
        served = await console.opened(RoomName(room))
        if served.room.replica.size > MAX_JSON:
            raise OverQuota(f"documents of more than {MAX_JSON >> 20} MiB are not shown; download it")
        with console.whole.place():
            shown = await console.documents.view(served.room.replica.pieces(), View.JSON)
        return Response(shown, media_type="application/json")

    @router.get("/rooms/{room:path}/hash", responses=MISSING)
    async def hash_of(room: InPath, by: Administrator = admin) -> Hash:
        """The exact state hash of the document, made by a worker."""
        served = await console.opened(RoomName(room))
        replica, seq = served.room.replica, served.head
        vector = replica.ends()
        with console.whole.place():
            return Hash(hash=await console.documents.view(replica.pieces(), View.HASH), state_vector=vector, seq=seq)

    @router.get("/rooms/{room:path}/update", responses=MISSING)
    async def update(room: InPath, by: Administrator = admin) -> HeldResponse:
        """The whole document as one Yjs update."""
        pieces = (await console.opened(RoomName(room))).room.replica.pieces()
        name = quote(room.replace("/", "_"), safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}.yjs",
            "Content-Length": str(sum(map(len, pieces))),
        }
        return HeldResponse(console.whole, _parts(pieces), "application/octet-stream", headers)


async def _parts(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in batches(pieces):
        yield part


def _add_actions(router: APIRouter, gate: Gate, console: Console) -> None:
    admin = Depends(gate.of_room)

    @router.post("/rooms/{room:path}/compact", status_code=204, responses=MISSING)
    async def compact(room: InPath, by: Administrator = admin) -> None:
        """Drops deleted content from memory and writes a snapshot."""
        await console.opened(RoomName(room))
        await console.acts.compact(RoomName(room), by)

    @router.post("/rooms/{room:path}/resync", status_code=204, responses=MISSING)
    async def resync(room: InPath, by: Administrator = admin) -> None:
        """Sends every member the whole document, and asks each for what we lack."""
        if not console.acts.resync(RoomName(room), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "nobody is in that room")

    @router.delete("/rooms/{room:path}/members/{member}", status_code=204, responses=MISSING)
    async def kick(room: InPath, member: int, by: Administrator = admin) -> None:
        """Ends a member's connection. Its user may come back: revoke, or set the role `none`, to keep them out."""
        if not console.acts.kick(RoomName(room), MemberId(member), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such member")
