"""docs/OPERATIONS.md says what the code says."""

from __future__ import annotations

import re

from settings_table import OPERATIONS, with_table

from motet.cli.main import app

TEXT = OPERATIONS.read_text("utf-8")


def test_the_table_of_settings_is_current() -> None:
    """After a change: .venv/bin/python tests/docs/settings_table.py."""
    assert with_table(TEXT) == TEXT


def test_every_command_of_an_operator_is_described() -> None:
    """`demo`, `bench` and `simulate` are for others."""
    described = set(re.findall(r"motet ([a-z]+)", TEXT))
    assert {command.name for command in app.registered_commands} - described <= {"demo", "bench", "simulate"}
