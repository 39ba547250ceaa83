"""The HTTP side of the server: `/healthz`, `/readyz`, `/metrics`, `/` and the demo."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST

from motet import __version__
from motet.observability import exposition
from motet.rooms import Hub

WEB = files("motet") / "web"


def build(hub: Hub, open_connections: Callable[[], int], root_path: str) -> FastAPI:
    """The HTTP application. Its lifespan is the server's own: nothing starts or stops with it."""
    app = FastAPI(title="Motet", version=__version__, root_path=root_path, docs_url="/api/docs", redoc_url=None)

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
    async def metrics() -> Response:
        """Prometheus exposition."""
        return Response(exposition(hub.counts, hub.gauges(open_connections())), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(str(WEB / "index.html"))

    @app.get("/demo", include_in_schema=False)
    async def demo() -> RedirectResponse:
        return RedirectResponse("demo/")

    app.mount("/demo", StaticFiles(directory=str(WEB / "demo"), html=True, check_dir=False), name="demo")
    return app
