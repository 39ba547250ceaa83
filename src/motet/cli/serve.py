"""`motet serve`: the server."""

from __future__ import annotations

import asyncio

import uvloop

from motet.app import App
from motet.cli.options import Given, with_settings
from motet.config import Settings
from motet.observability import configure_logging


@with_settings()
def serve(settings: Settings, given: Given) -> None:
    """Serve rooms: WebSockets at /ws/{room} and /hocuspocus, HTTP beside them on the same port."""
    configure_logging(settings.log_level)
    app = App(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.run())
