"""What commands say, in terminals and in pipes."""

from __future__ import annotations

import pytest
from rich.table import Table

from motet.cli.output import table_console, tell_bad


def test_a_name_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets and colons are no markup, a long name is not broken, and a pipe gets no colours."""
    name = "[red]a[/red] :cat: " + "x" * 200
    tell_bad([(name, "bad")])
    assert capsys.readouterr().out == f"{name}: bad\n"
    table = Table("room", box=None)
    table.add_row(name)
    table_console().print(table)
    assert name in capsys.readouterr().out.splitlines()[1]


def test_a_name_that_a_terminal_would_obey_is_told_in_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """Other servers do not refuse such names."""
    tell_bad([("\x1b[2J\nx", "bad")], err=True)
    assert capsys.readouterr().err == "'\\x1b[2J\\nx': bad\n"
