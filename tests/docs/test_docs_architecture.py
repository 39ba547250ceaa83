"""docs/ARCHITECTURE.md says what the tree and pyproject.toml say."""

from __future__ import annotations

import re
import tomllib

from documents import ROOT

TEXT = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SOURCE = ROOT / "src" / "motet"


def required(lines: list[str]) -> set[str]:
    """The names of packages, without their versions."""
    return {re.match(r"[\w-]+", line)[0] for line in lines}  # type: ignore[index]


def test_every_dependency_has_its_line_and_every_line_its_dependency() -> None:
    """With what it is for and why it was chosen."""
    table = TEXT.partition("## Dependencies")[2]
    listed = {name for row in re.findall(r"^\| ([\w, -]+) \|", table, re.MULTILINE) for name in row.split(", ")}
    assert listed - {"package"} == required(PROJECT["project"]["dependencies"])


def test_every_development_dependency_is_named() -> None:
    """In the sentence below the table; plugins of pytest by their short names."""
    sentence = TEXT.partition("For development:")[2].partition("\n")[0]
    missing = {
        name for name in required(PROJECT["dependency-groups"]["dev"]) if name.removeprefix("pytest-") not in sentence
    }
    assert missing == set()


def test_every_component_is_in_the_picture_and_has_its_charter() -> None:
    """A folder's docstring says what it does and what it may import."""
    picture = TEXT.partition("```")[2].partition("```")[0]
    folders = [folder for folder in SOURCE.iterdir() if (folder / "__init__.py").exists()]
    assert {folder.name for folder in folders if folder.name not in picture.split()} == set()
    for folder in folders:
        charter = (folder / "__init__.py").read_text("utf-8").partition('"""')[2].partition('"""')[0]
        assert re.search(r"\b(may import|imports)\b", charter, re.IGNORECASE), folder.name
    modules = [path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")]
    assert {name for name in modules if name not in picture.split()} == set()
