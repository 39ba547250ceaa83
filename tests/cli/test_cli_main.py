"""The `motet` command itself: what it is called with, and how an error is told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from cli_harness import motet

from motet import __version__
from motet.cli.main import app

COMMANDS = [
    *("serve", "demo", "export", "import", "verify", "compact", "backup", "restore", "token", "top", "bench"),
    "simulate",
    "doctor",
    "rooms",
]


def test_the_version_is_told() -> None:
    """And nothing else."""
    assert motet("--version").out == f"motet {__version__}\n"


def test_python_dash_m_motet_is_the_same_command() -> None:
    """Where the script is not on the path."""
    told = subprocess.run([sys.executable, "-m", "motet", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"motet {__version__}\n"


def test_without_a_command_the_help_names_them_all() -> None:
    """Each with a line of what it does."""
    outcome = motet()
    listed = re.findall(r"^  (\w+)  +\S", (outcome.out + outcome.err).partition("Commands:")[2], re.MULTILINE)
    assert listed == COMMANDS
    assert list(typer.main.get_command(app).commands) == COMMANDS  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str) -> None:
    """That asks for nothing else to be right."""
    outcome = motet(command, "--help")
    assert outcome.code == 0
    assert f"motet {command}" in outcome.out


@pytest.mark.parametrize("arguments", [["serv"], ["rooms", "--frefix", "x"], ["export"], ["serve", "--port", "many"]])
def test_what_the_command_line_does_not_know_is_exit_code_2(arguments: list[str]) -> None:
    """As every Unix command."""
    outcome = motet(*arguments)
    assert outcome.code == 2
    assert "Usage: motet" in outcome.err


def test_an_error_of_ours_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """With whatever is in a name, as it is: no markup, no break where a terminal would end."""
    data = tmp_path / "[red]no[/red] :cat: such" / ("x" * 100)
    outcome = motet("rooms", "--data", data)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"motet: there is no store at {data}/motet.db\n"


def test_what_is_no_error_of_ours_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is not dressed up as a message."""
    monkeypatch.setattr("motet.cli.rooms.SqliteReader", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        motet("rooms")
