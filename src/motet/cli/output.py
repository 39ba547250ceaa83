"""What commands say: names and paths as they are, whatever is in them, and a line each when no terminal reads it."""

from __future__ import annotations

from collections.abc import Iterable

import typer
from rich.console import Console

UNBROKEN = 512
"""Columns of a table that goes into a pipe: a room's name has at most 256 bytes."""


def table_console() -> Console:
    """For tables. "[x]" and ":x:" in a room's name are no markup."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = UNBROKEN
    return console


def tell_bad(bad: Iterable[tuple[str, str]], err: bool = False) -> None:
    """A line for each name and what is wrong with it. Names of other servers' may have what a terminal would obey."""
    for name, problem in bad:
        shown = name if name.isprintable() else ascii(name)
        typer.echo(f"{typer.style(shown, fg='red')}: {problem}", err=err)
