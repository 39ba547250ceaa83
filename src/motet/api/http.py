"""The HTTP side of the server: health, metrics, the administrators' routes, `/` and the demo."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from os import PathLike, stat_result

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from motet import __version__
from motet.access import Origins
from motet.api.administration import Gate, administration
from motet.api.bodies import BoundedBodies
from motet.api.console import Console, room_route, routes
from motet.api.paths import EncodedPaths
from motet.api.problems import answer_with_problems
from motet.api.requests import REQUEST_ID, TRACEPARENT, Requests
from motet.observability import exposition
from motet.rooms import gauges

WEB = files("motet") / "web"

ANEW = {"Cache-Control": "no-cache"}
"""Pages are asked for anew each time (their assets are named by content), so an upgrade is seen at once."""


def build(console: Console, open_connections: Callable[[], int], origins: Origins) -> FastAPI:
    """The HTTP application. Its lifespan is the server's own: nothing starts or stops with it. So is its root path."""
    hub = console.hub
    # No page of the API: FastAPI's loads its scripts from elsewhere.
    app = FastAPI(
        title="Motet",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # It would have the query of each request, where tokens may be, and what exceptions say. Ours is in `requests`.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_middleware(Requests, errors=hub.errors, tracing=hub.tracing)
    app.add_middleware(BoundedBodies)
    app.add_middleware(EncodedPaths)
    cors = origins.cors
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"] if cors.every_origin else [],
        allow_origin_regex=cors.pattern,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", TRACEPARENT],
        expose_headers=[REQUEST_ID],
        allow_credentials=cors.credentials,
    )
    answer_with_problems(app)
    gate = Gate(hub, origins)
    app.include_router(routes(console, gate))
    app.include_router(administration(hub, console.acts, console.looks, gate))
    app.include_router(room_route(console, gate))

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """The server takes edits: the store is writable, the disk has room, nothing is being stopped."""
        reasons = hub.health.reasons
        body = {"status": "degraded" if reasons else "ready", "reasons": reasons}
        return JSONResponse(body, status_code=503 if reasons else 200)

    @app.get("/metrics", tags=["health"])
    async def metrics(request: Request) -> Response:
        """For Prometheus: its classic text, or OpenMetrics, with exemplars, where the Accept header asks for it."""
        now, accept = gauges(hub, open_connections()), request.headers.get("accept", "")
        text, kind = exposition(hub.counts, now, hub.histograms, accept)
        return Response(text, media_type=kind)

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(str(WEB / "index.html"), headers=ANEW)

    @app.get("/demo", include_in_schema=False)
    async def demo() -> RedirectResponse:
        return RedirectResponse("demo/")

    @app.get("/console", include_in_schema=False)
    async def console_page() -> RedirectResponse:
        return RedirectResponse("console/")

    app.mount("/demo", _Pages(directory=str(WEB / "demo"), html=True), name="demo")
    app.mount("/console", _Pages(directory=str(WEB / "console"), html=True), name="console")
    return app


class _Pages(StaticFiles):
    def file_response(
        self, full_path: PathLike[str] | str, stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(ANEW)
        return response
