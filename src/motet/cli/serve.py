"""`motet serve`, the server; `motet demo`, the same with a page to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import typer
import uvloop
from rich.console import Console

from motet.app import App
from motet.cli.memory import give_back_large_blocks
from motet.cli.options import Data, Given, with_settings
from motet.config import Settings, load
from motet.observability import LOGS


def run(settings: Settings, on_started: Callable[[str], None]) -> None:
    """Serves until it is told to stop."""
    give_back_large_blocks()
    app = App(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.run(on_started))


@with_settings()
def serve(settings: Settings, given: Given) -> None:
    """Serve rooms: WebSockets at /ws/{room} and /hocuspocus, HTTP beside them on the same port."""
    LOGS.configure(settings.log_level)
    run(settings, lambda url: None)


def demo(data: Data = None, port: int | None = typer.Option(None, help="port to listen on [env MOTET_PORT]")) -> None:
    """Serve on this machine only, open to everybody on it, and say where the demo page is."""
    settings = load({"data": data, "port": port, "open": True, "host": "127.0.0.1"})
    LOGS.configure("warning")
    console = Console(highlight=False)

    def started(url: str) -> None:
        console.print(f"\n  Open [bold]{url}/demo/[/bold] to see two people edit one document.")
        console.print("  Open the address it then has in a second window, or on a second device, to join them.")
        console.print("  Ctrl-C stops the server; what was typed is kept.\n")

    run(settings, started)
