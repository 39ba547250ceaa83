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
    """A line for each name and what is wrong with it."""
    for name, problem in bad:
        typer.echo(f"{typer.style(printable(name), fg='red')}: {problem}", err=err)


def printable(text: str) -> str:
    """The text, or what stands for it: what comes from another server may have what a terminal would obey."""
    return text if text.isprintable() else ascii(text)
