"""The project's Markdown, and what is quoted in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = {"node_modules", "build", "dist"}

CODE = re.compile(r"```.*?\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def markdown() -> list[Path]:
    """Every document of the repository, and none of what is installed or built in it."""
    found = []
    for path in ROOT.rglob("*.md"):
        parts = path.relative_to(ROOT).parts
        if not any(part in NOT_OURS or part.startswith(".") for part in parts):
            found.append(path)
    return sorted(found)


def code_lines(path: Path) -> list[str]:
    """Each span of code in a document, and each line of its blocks."""
    return [
        line.strip() for block, span in CODE.findall(path.read_text("utf-8")) for line in (block or span).split("\n")
    ]


def names(paths: list[Path]) -> list[str]:
    """For the ids of tests."""
    return [str(path.relative_to(ROOT)) for path in paths]
