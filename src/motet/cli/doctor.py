"""`motet doctor`: what is installed, what the settings are and where each came from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3

from rich.console import Console
from rich.table import Table

from motet import __version__
from motet.app import check
from motet.cli.options import Given, with_settings
from motet.config import Settings, config_file, origins
from motet.errors import ConfigError

PACKAGES = ("picows", "uvicorn", "uvloop", "httptools", "fastapi", "pydantic", "pycrdt")


@with_settings()
def doctor(settings: Settings, given: Given) -> None:
    """What is installed, what the settings are and where each came from, and whether one could serve with them."""
    console = Console()
    console.print(f"motet {__version__}, Python {platform.python_version()} on {platform.platform()}")
    console.print(f"SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores")
    console.print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    file = config_file()
    console.print(f"settings file: {file.resolve()} ({'read' if file.exists() else 'not there'})")
    directory = settings.data if settings.data.exists() else settings.data.absolute().parent
    if directory.exists():
        console.print(f"data directory: {settings.data.resolve()}, {shutil.disk_usage(directory).free:,} bytes free")
    table = Table("setting", "value", "from", box=None, header_style="bold")
    where = origins(given)
    for name in Settings.model_fields:
        table.add_row(name, str(getattr(settings, name)), where[name])
    console.print(table)
    try:
        check(settings)
    except ConfigError as e:
        console.print(f"[yellow]motet serve would refuse these settings:[/yellow] {e}", highlight=False)
    else:
        console.print("motet serve would start with these settings")
