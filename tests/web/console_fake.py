"""A server that answers the console as Motet's API does, with whatever state a test gives it.

It serves the built page under the strictest policy (nothing inline, nothing from elsewhere), so that a page that would
need more fails its tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from support.server import free_port

ADMIN = "header.eyJzdWIiOiAib3BzIn0.signature"
"""Its claims name the user `ops`."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
STEP = 10
POINTS = 360

Json = dict[str, Any]


def member(number: int, user: str, **known: object) -> Json:
    """A member as the API tells of one."""
    return {
        "member": number,
        "user": user,
        "name": "",
        "role": "editor",
        "dialect": "yjs",
        "address": f"10.0.0.{number % 250}",
        "since": int((time.time() - 60 * number) * 1000),
        "expires": time.time() + 3000,
        "behind": False,
        "buffered": 0,
        "last_seen": 0.4,
        "latency": 0.012,
        "edits": 10 * number,
        **known,
    }


def room(name: str, members: list[Json] | None = None, **known: object) -> Json:
    """A room as the API tells of one, with its log written by its members."""
    inside = members or []
    now = time.time()
    authors = [each["user"] for each in inside] or ["ada"]
    return {
        "room": name,
        "loaded": True,
        "people": len({each["user"] for each in inside}),
        "rate": 2.5 * len(inside),
        "bytes": 48_200,
        "seq": 1207,
        "log_rows": 207,
        "behind": sum(each["behind"] for each in inside),
        "lag": 0.0042,
        "idle": None if inside else 312.0,
        "suspended": False,
        "members": inside,
        "presence": [
            {"client": 1000 + each["member"], "user": each["user"], "state": {"cursor": {"x": 4}}} for each in inside
        ],
        "refusals": [],
        "log": [
            {"seq": 1207 - i, "at": int((now - i) * 1000), "author": authors[i % len(authors)], "size": 31 + i}
            for i in range(50)
        ],
        "snapshot": {"seq": 1000, "at": int((now - 900) * 1000), "bytes": 41_000},
        **known,
    }


def history(now: float, points: int) -> Json:
    """The newest `points` of an hour of a server, of which nothing was measured in the first ten minutes."""
    at = [int(now) - STEP * (POINTS - 1 - i) for i in range(POINTS)]
    wave = [math.sin(i / 23) + math.sin(i / 7) / 3 for i in range(POINTS)]

    def series(middle: float, swing: float) -> list[float | None]:
        return [None if i < 60 else middle + swing * wave[i] for i in range(POINTS)][-points:]

    return {
        "step": STEP,
        "at": at[-points:],
        "series": {
            "updates_per_second": series(420, 180),
            "people": series(90, 20),
            "connections": series(110, 25),
            "peer_p99": [None if i == points // 2 else v for i, v in enumerate(series(0.004, 0.002))],
            "durable_p99": series(0.011, 0.004),
            "loop_lag": series(0.002, 0.001),
            "bytes_in_per_second": series(52_000, 21_000),
        },
    }


@dataclass
class Fake:
    """The state that is told, and what was asked for. Tests write the first and read the second."""

    rooms: dict[str, Json] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    totals: Json = field(default_factory=dict)
    divergences: int = 0
    exceptions: int = 0
    keys_failing: bool = False
    is_open: bool = False
    """No authentication: everybody is let in, and nobody is an administrator."""
    refusal: tuple[int, str] | None = None
    """What a request by ADMIN is answered instead."""
    failing: tuple[int, str] | None = None
    """What each act is answered instead."""
    streams_open: bool = True
    points: int = POINTS
    """Of its history: fewer when it was started lately."""
    beat: float = 0.1
    """Seconds between events; the server's is 1."""
    acts: list[tuple[str, str, object]] = field(default_factory=list)
    """Method, path after /api/v1/, body."""
    streams: list[str] = field(default_factory=list)
    """The query of each stream that was opened."""
    url: str = ""

    def status(self) -> Json:
        now = time.time()
        members = [each for told in self.rooms.values() for each in told["members"]]
        totals = {
            "connections": len(members),
            "people": len({each["user"] for each in members}),
            "members": len(members),
            "rooms": len(self.rooms),
            "behind": sum(each["behind"] for each in members),
            "updates_per_second": sum(told["rate"] for told in self.rooms.values()),
            "bytes_in_per_second": 51_300.0,
            "journal_bytes": 2048,
            "loop_lag": 0.0021,
            "peer_p50": 0.0003,
            "peer_p99": 0.0041,
            "durable_p50": 0.0049,
            "durable_p99": 0.0118,
            "slowed": 0,
            **self.totals,
        }
        return {
            "version": "0.1.0",
            "started": now - 7200,
            "now": now,
            "ready": not self.reasons,
            "reasons": self.reasons,
            "since": dict.fromkeys(self.reasons, time.time() - 60.0),
            "totals": totals,
            "divergences": self.divergences,
            "exceptions": self.exceptions,
            "keys_failing": self.keys_failing,
        }

    def top(self, by: str, top: int) -> Json:
        apart = ("presence", "refusals", "log", "snapshot", "loaded")
        listed = [
            {**{key: told[key] for key in told if key not in apart}, "members": len(told["members"])}
            for told in self.rooms.values()
        ]
        listed.sort(key=lambda told: -(told[by] or 0))
        return {"loaded": len(listed), "rooms": listed[:top]}


def problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse(
        {"title": "", "status": status, "detail": detail}, status, media_type="application/problem+json"
    )


def _part(request: Request, name: str) -> str:
    return unquote(request.path_params.get(name, ""))


class Answers:
    """The routes over a Fake."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake

    def refused(self, request: Request) -> Response | None:
        fake, shown = self._fake, request.headers.get("authorization", "")
        if fake.is_open:
            return problem(403, "this takes an admin's grant for all rooms (**)")
        if shown == f"Bearer {ADMIN}":
            return None if fake.refusal is None else problem(*fake.refusal)
        if shown == "Bearer expired":
            return problem(401, "the token has expired")
        if shown == "Bearer editor":
            return problem(403, "this takes an admin's grant for all rooms (**)")
        return problem(401, "this is no signed token (JWT)" if shown else "no token")

    async def answer(self, request: Request) -> Response:
        refused = self.refused(request)
        if refused is not None:
            return refused
        path = request.scope["path"].removeprefix("/api/v1/")
        if request.method != "GET":
            return await self._act(request, path)
        if path == "status":
            return JSONResponse(self._fake.status())
        if path == "history":
            return JSONResponse(history(time.time(), self._fake.points))
        if path == "events":
            return self._stream(request)
        return self._of_room(request)

    async def _act(self, request: Request, path: str) -> Response:
        fake = self._fake
        if fake.failing is not None:
            return problem(*fake.failing)
        body = json.loads(await request.body() or b"null")
        fake.acts.append((request.method, path, body))
        told = fake.rooms.get(_part(request, "room"))
        number = _part(request, "member")
        if told is not None and number:
            told["members"] = [each for each in told["members"] if str(each["member"]) != number]
        user = _part(request, "user")
        if told is not None and user and body is not None:
            for each in told["members"]:
                each["role"] = body["role"] if each["user"] == user else each["role"]
        if request.method == "DELETE" and path.count("/") == 1:
            fake.rooms.pop(_part(request, "room"))
        return Response(status_code=204)

    def _of_room(self, request: Request) -> Response:
        told = self._fake.rooms.get(_part(request, "room"))
        if told is None:
            return problem(404, "there is no such room")
        view = _part(request, "view")
        if view == "document":
            return JSONResponse({"text": "Hello <b>world</b>", "notes": [1, 2, 3]})
        if view == "hash":
            return JSONResponse({"hash": "5f2a" * 16, "state_vector": {"17": 40, "23": 1167}, "seq": told["seq"]})
        if view == "update":
            headers = {"Content-Disposition": 'attachment; filename="update"'}
            return Response(b"\x00\x00", media_type="application/octet-stream", headers=headers)
        return JSONResponse(told)

    def _stream(self, request: Request) -> Response:
        fake, query = self._fake, request.query_params
        if not fake.streams_open:
            return problem(503, "too many streams are open")
        fake.streams.append(str(query))

        async def events() -> AsyncIterator[str]:
            while fake.streams_open and self.refused(request) is None:
                status = {**fake.status(), **fake.top(query.get("by", "rate"), int(query.get("top", "50")))}
                yield f"event: status\ndata: {json.dumps(status)}\n\n"
                if query.get("room") in fake.rooms:
                    yield f"event: room\ndata: {json.dumps(fake.rooms[query['room']])}\n\n"
                elif "room" in query:
                    yield 'event: gone\ndata: "there is no such room"\n\n'
                await asyncio.sleep(fake.beat)

        return StreamingResponse(events(), media_type="text/event-stream")


@contextlib.asynccontextmanager
async def serving(fake: Fake, port: int | None = None) -> AsyncIterator[Fake]:
    """The fake on loopback, and its address in `fake.url`."""
    answer = Answers(fake).answer
    of_room = "/api/v1/rooms/{room}"
    every = ["GET", "PUT", "POST", "DELETE"]
    routes = [
        *(Route(f"/api/v1/{name}", answer) for name in ("status", "history", "events")),
        Route("/api/v1/revocations", answer, methods=["POST"]),
        Route(of_room, answer, methods=every),
        Route(f"{of_room}/members/{{member}}", answer, methods=["DELETE"]),
        Route(f"{of_room}/roles/{{user}}", answer, methods=["PUT", "DELETE"]),
        Route(f"{of_room}/{{view}}", answer, methods=["GET", "POST"]),
        Route("/console", lambda request: RedirectResponse("console/")),
        Mount("/console", _Guarded(directory=str(files("motet") / "web" / "console"), html=True)),
    ]
    app = _EncodedPaths(Starlette(routes=routes))
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    fake.url = f"http://127.0.0.1:{port}"
    try:
        yield fake
    finally:
        server.should_exit = server.force_exit = True
        await task


class _Guarded(StaticFiles):
    def file_response(self, *args: Any, **named: Any) -> Response:
        response = super().file_response(*args, **named)
        response.headers.update({"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})
        return response


class _EncodedPaths:
    """Routes match the path as it was sent: a room's name has its slashes encoded."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(scope, receive, send)
