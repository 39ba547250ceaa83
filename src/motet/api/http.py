"""The HTTP side of the server: health, metrics, the administrators' routes, the pages."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from motet import __version__
from motet.access import Origins
from motet.api.administration import Gate, administration
from motet.api.bodies import BoundedBodies
from motet.api.console import Console, room_route, routes
from motet.api.pages import Guarded, add_pages
from motet.api.paths import EncodedPaths
from motet.api.problems import answer_with_problems
from motet.api.requests import REQUEST_ID, TRACEPARENT, Requests
from motet.observability import exposition
from motet.rooms import gauges


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
    app.add_middleware(Guarded)
    answer_with_problems(app)
    gate = Gate(hub, origins)
    app.include_router(routes(console, gate))
    app.include_router(administration(hub, console.acts, console.looks, gate))
    app.include_router(room_route(console, gate))

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, object]:
        """The process lives, whatever else is wrong; a restart would mend none of the reasons."""
        return {"status": "alive", "reasons": hub.health.reasons, "since": hub.health.since}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """200: everything is well. 503: something is not; each reason is a sentence, `since` when it holds in seconds
        since the epoch."""
        reasons = hub.health.reasons
        body = {"status": "degraded" if reasons else "ready", "reasons": reasons, "since": hub.health.since}
        return JSONResponse(body, status_code=503 if reasons else 200)

    @app.get("/metrics", tags=["health"])
    async def metrics(request: Request) -> Response:
        """For Prometheus: its classic text, or OpenMetrics, with exemplars, where the Accept header asks for it."""
        now, accept = gauges(hub, open_connections()), request.headers.get("accept", "")
        text, kind = exposition(hub.counts, now, hub.histograms, accept)
        return Response(text, media_type=kind)

    add_pages(app)
    return app
