"""docs/OPERATIONS.md says what the code says."""

from __future__ import annotations

import re
from dataclasses import fields

from settings_table import OPERATIONS, with_table

from motet.cli.main import app
from motet.observability import Counts, Gauges

TEXT = OPERATIONS.read_text("utf-8")


def test_the_table_of_settings_is_current() -> None:
    """After a change: .venv/bin/python tests/docs/settings_table.py."""
    assert with_table(TEXT) == TEXT


def test_the_metrics_are_exactly_those_in_the_table() -> None:
    """By the names that Prometheus has for them."""
    served = {f"motet_{field.name}_total" for field in fields(Counts)} | {
        f"motet_{field.name}" for field in fields(Gauges)
    }
    assert set(re.findall(r"`(motet_\w+)`", TEXT)) == served


def test_every_command_of_an_operator_is_described() -> None:
    """`demo` and `bench` are for others."""
    described = set(re.findall(r"motet ([a-z]+)", TEXT))
    assert {command.name for command in app.registered_commands} - described <= {"demo", "bench"}


def test_the_reasons_of_readyz_are_named() -> None:
    """As the code gives them."""
    source = "".join(path.read_text() for path in (OPERATIONS.parents[1] / "src" / "motet").rglob("*.py"))
    reasons = set(re.findall(r'health\.degrade\("(\w+)"', source))
    assert reasons
    health = TEXT.partition("## Health")[2].partition("\n## ")[0]
    assert {reason for reason in reasons if f"`{reason}`" not in health} == set()
