"""The `motet` command: its subcommands, and how an error of ours is told."""

from __future__ import annotations

import sys

import typer

from motet import __version__
from motet.cli import doctor, rooms, serve, transfer, upkeep
from motet.cli.bench import bench
from motet.cli.simulate import simulate
from motet.cli.token import token
from motet.cli.top import top
from motet.errors import MotetError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Motet: a real-time collaboration server for Yjs editors.",
)
app.command("serve")(serve.serve)
app.command("demo")(serve.demo)
app.add_typer(rooms.app, name="rooms")
app.command("export")(transfer.export)
app.command("import")(transfer.import_)
app.command("verify")(upkeep.verify)
app.command("compact")(upkeep.compact)
app.command("backup")(upkeep.backup)
app.command("restore")(upkeep.restore)
app.command("token")(token)
app.command("top")(top)
app.command("bench")(bench)
app.command("simulate")(simulate)
app.command("doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def motet(version: bool = typer.Option(False, "--version", help="say which version this is")) -> None:
    """Motet: a real-time collaboration server for Yjs editors."""
    if version:
        print(f"motet {__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point. An error of ours is one line and exit code 1; any other is a bug and shows its traceback."""
    try:
        app(prog_name="motet")
    except (MotetError, FileExistsError) as e:
        typer.echo(f"{typer.style('motet:', fg='red')} {e}", err=True)
        sys.exit(1)
