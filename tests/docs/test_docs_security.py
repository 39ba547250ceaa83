"""docs/SECURITY.md points to tests that exist, and every promise in it to at least one."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

import pytest
from documents import ROOT

TEXT = (ROOT / "docs" / "SECURITY.md").read_text("utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PROMISES = ("Threats", "Attacks tried")
"""The headings whose tables promise something."""


def rows(heading: str) -> list[str]:
    """The rows of all tables under a heading, without their heads."""
    section = re.split(rf"^## {heading}$", TEXT, flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    tables = re.findall(r"^\|[^\n]*\|\n\|[-|]+\|\n((?:\|[^\n]*\|\n)+)", section, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()]


@lru_cache
def inside(path: str) -> set[str]:
    """The tests in a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_")}


@pytest.mark.parametrize("heading", PROMISES)
def test_every_line_names_the_test_that_shows_it(heading: str) -> None:
    """What nothing shows belongs among the limits."""
    found = rows(heading)
    assert len(found) > 10
    assert [row for row in found if not TEST.search(row)] == []


def test_whatever_an_actor_may_not_is_shown() -> None:
    """By a test in the last column, where there is something in the one before."""
    actors = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in rows("Who there is, and what each may do")
    ]
    assert [who for who, _, may_not, shown in actors if may_not and not TEST.search(shown)] == []


def test_every_test_that_is_named_exists() -> None:
    """By its file and name."""
    named = set(TEST.findall(TEXT))
    assert (
        sorted(f"{path}::{name}" for path, name in named if not (ROOT / path).is_file() or name not in inside(path))
        == []
    )


def test_nothing_is_named_that_only_looks_like_a_test() -> None:
    """A misspelt reference would not be checked."""
    assert len(re.findall(r"tests/[^\s`]*::", TEXT)) == len(TEST.findall(TEXT))
