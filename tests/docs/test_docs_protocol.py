"""docs/PROTOCOL.md and the tests: each rule is cited by the tests that prove it, and no test cites another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from documents import ROOT

from support.node import missing

PROTOCOL = ROOT / "docs" / "PROTOCOL.md"
RULE = re.compile(r"\*\*\[([A-Z]+\d+)\]\*\*")
CITATION = re.compile(r"\[([A-Z]+\d+)\]")


def citations() -> Iterator[tuple[str, str]]:
    """Each rule that the first line of a test's docstring cites, and where."""
    contract = ROOT / "src" / "motet" / "persistence" / "contract.py"  # tests that others can run too
    for path in [contract, *sorted((ROOT / "tests").rglob("test_*.py"))]:
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                for rule in CITATION.findall(first):
                    yield rule, f"{path.relative_to(ROOT)}::{node.name}"


def rules() -> list[str]:
    """In the order of the document."""
    if not PROTOCOL.exists():
        missing("docs/PROTOCOL.md is not written yet")
    return RULE.findall(PROTOCOL.read_text("utf-8"))


def test_no_rule_has_two_texts() -> None:
    """A number is given once."""
    found = rules()
    assert {rule for rule in found if found.count(rule) > 1} == set()


def test_every_rule_is_cited_by_a_test() -> None:
    """A rule that nothing proves is a wish."""
    assert sorted(set(rules()) - {rule for rule, _ in citations()}) == []


def test_every_rule_that_a_test_cites_exists() -> None:
    """Where it was renumbered or taken out, the test says so."""
    known = set(rules())
    assert [f"{rule} by {where}" for rule, where in citations() if rule not in known] == []
