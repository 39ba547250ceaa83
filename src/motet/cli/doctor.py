"""`motet doctor`: what is installed, what the settings are and where each came from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
from pathlib import Path

import typer
from rich.table import Table

from motet import __version__
from motet.app import App
from motet.cli.options import Given, with_settings
from motet.cli.output import table_console
from motet.config import Settings, config_file, origins
from motet.errors import ConfigError, Unavailable
from motet.persistence import free_bytes

PACKAGES = ("picows", "uvicorn", "uvloop", "httptools", "fastapi", "pydantic", "pycrdt")


@with_settings()
def doctor(settings: Settings, given: Given) -> None:
    """What is installed, what the settings are and where each came from, and whether one could serve with them."""
    typer.echo(f"motet {__version__}, Python {platform.python_version()} on {platform.platform()}")
    typer.echo(f"SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores")
    typer.echo(", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    file = config_file()
    typer.echo(f"settings file: {file.absolute()} ({'read' if file.exists() else 'not there'})")
    typer.echo(f"data directory: {_directory(settings.data.absolute())}")
    table = Table(box=None, header_style="bold")
    for title in ("setting", "value", "from"):
        table.add_column(title, overflow="fold")
    where = origins(given)
    for name in Settings.model_fields:
        table.add_row(name, str(getattr(settings, name)), where[name])
    table_console().print(table)
    known = {f"MOTET_{name.upper()}" for name in (*Settings.model_fields, "config", "token")}
    if strays := sorted(name for name in os.environ if name.startswith("MOTET_") and name not in known):
        typer.echo(f"in the environment, but no settings: {', '.join(strays)}")
    try:
        App(settings)
    except ConfigError as e:
        typer.echo(f"{typer.style('motet serve would refuse these settings:', fg='yellow')} {e}")
    else:
        typer.echo("motet serve would start with these settings")


def _directory(data: Path) -> str:
    """What can be said of the data directory, or of where it would be made."""
    # Not Path.exists, which raises where it may not look.
    nearest = next(path for path in (data, *data.parents) if os.path.exists(path))
    try:
        free = f"{free_bytes(nearest):,} bytes free"
    except Unavailable as e:
        free = str(e)
    return f"{data} ({free}{'' if nearest == data else '; not made yet'})"
