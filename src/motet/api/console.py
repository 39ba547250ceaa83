"""`/api/v1`, for operators: the server, its rooms, one room; what the console page and `motet top` show."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.responses import StreamingResponse

from motet import __version__
from motet.api.administration import ANY, BEARER, BODY, Gate, not_kept
from motet.api.bodies import json_only
from motet.api.models import Hash, LogLevel, OneRoom, Order, Rooms, Status, Tick, Top, Totals
from motet.api.paths import InPath
from motet.api.problems import described
from motet.crdt import Documents, View
from motet.errors import MotetError, TryLater
from motet.ids import MemberId, RoomName
from motet.observability import History
from motet.rooms import Administration, Administrator, Hub, Inspection

EVERY = 1.0
"""Seconds between the events of a stream."""

STREAMS = 16
"""Streams of events at once; one more is told to try later."""


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
        self.streams = 0

    def status(self) -> Status:
        """How the server is now."""
        reasons = self.hub.health.reasons
        return Status(
            version=__version__,
            started=self.started,
            now=time.time(),
            ready=not reasons,
            reasons=reasons,
            totals=Totals.model_validate(self.history.now(), from_attributes=True),
            divergences=self.hub.counts.divergences.total(),
            exceptions=self.hub.counts.exceptions,
            keys_failing=self.hub.keys_failing,
        )

    def rooms(self, by: Order, top: int) -> Rooms:
        """The busiest rooms."""
        return Rooms(loaded=self.looks.loaded(), rooms=self.looks.top(by, top))

    async def encoded(self, room: RoomName) -> tuple[bytes, int]:
        """The whole document as one update, and its head. Raises HTTPException 404, RoomDeleted, Unavailable."""
        served = self.hub.served.get(room)
        if served is None and await self.hub.store.outline(room, 1) is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such room")
        served = await self.hub.open(room)
        return served.room.replica.encode(), served.head


def routes(console: Console, gate: Gate) -> APIRouter:
    """The routes; each takes an admin's grant for all rooms, those of one room one for that room."""
    known = [Depends(BEARER), Depends(not_kept)]
    router = APIRouter(prefix="/api/v1", tags=["console"], dependencies=known, responses=ANY)
    _add_server(router, gate, console)
    _add_stream(router, gate, console)
    _add_views(router, gate, console)
    _add_actions(router, gate, console)
    return router


def room_route(console: Console, gate: Gate) -> APIRouter:
    """The route of one room; its path is any, so it comes after all others."""
    known = [Depends(BEARER), Depends(not_kept)]
    router = APIRouter(prefix="/api/v1", tags=["console"], dependencies=known, responses=ANY)
    admin = Depends(gate.of_room)

    @router.get("/rooms/{room:path}", responses=described(HTTPStatus.NOT_FOUND))
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
        room: str | None = None,
        admin: Administrator = everywhere,
    ) -> StreamingResponse:
        """Server-sent events, one `status` a second, and with `room` one `room` too; they end with the grant."""
        if console.streams >= STREAMS:
            raise TryLater(f"{STREAMS} streams of events are open")
        console.streams += 1
        stream = _stream(console, admin, by, top, None if room is None else RoomName(room))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _stream(
    console: Console, admin: Administrator, by: Order, top: int, room: RoomName | None
) -> AsyncIterator[bytes]:
    access = console.hub.access
    try:
        while not console.hub.draining:
            try:
                access.check_administrator(admin.grant, None)
            except MotetError:
                return
            tick = Tick(**dict(console.status()), **dict(console.rooms(by, top)))
            yield _event("status", tick.model_dump_json())
            if room is not None:
                yield await _room_event(console, room)
            await asyncio.sleep(EVERY)
    finally:
        console.streams -= 1


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

    @router.get("/rooms/{room:path}/document")
    async def document(room: InPath, by: Administrator = admin) -> Response:
        """The document as JSON, made by a worker."""
        encoded, _ = await console.encoded(RoomName(room))
        return Response(await console.documents.view(encoded, View.JSON), media_type="application/json")

    @router.get("/rooms/{room:path}/hash")
    async def hash_of(room: InPath, by: Administrator = admin) -> Hash:
        """The exact state hash of the document, made by a worker."""
        encoded, seq = await console.encoded(RoomName(room))
        vector = console.hub.served[RoomName(room)].room.replica.ends()
        return Hash(hash=await console.documents.view(encoded, View.HASH), state_vector=vector, seq=seq)

    @router.get("/rooms/{room:path}/update")
    async def update(room: InPath, by: Administrator = admin) -> Response:
        """The whole document as one Yjs update."""
        encoded, _ = await console.encoded(RoomName(room))
        name = quote(room.replace("/", "_"), safe="")
        disposition = f"attachment; filename*=UTF-8''{name}.yjs"
        return Response(encoded, headers={"Content-Disposition": disposition}, media_type="application/octet-stream")


def _add_actions(router: APIRouter, gate: Gate, console: Console) -> None:
    admin = Depends(gate.of_room)

    @router.post("/rooms/{room:path}/compact", status_code=204)
    async def compact(room: InPath, by: Administrator = admin) -> None:
        """Drops deleted content from memory and writes a snapshot."""
        await console.encoded(RoomName(room))
        await console.acts.compact(RoomName(room), by)

    @router.post("/rooms/{room:path}/resync", status_code=204)
    async def resync(room: InPath, by: Administrator = admin) -> None:
        """Sends every member the whole document, and asks each for what we lack."""
        if not console.acts.resync(RoomName(room), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "nobody is in that room")

    @router.delete("/rooms/{room:path}/members/{member}", status_code=204)
    async def kick(room: InPath, member: int, by: Administrator = admin) -> None:
        """Ends a member's connection. Its user may come back: revoke, or set the role `none`, to keep them out."""
        if not console.acts.kick(RoomName(room), MemberId(member), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such member")
