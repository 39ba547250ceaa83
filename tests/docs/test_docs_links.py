"""What the documents refer to is there: files, commands, options, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from documents import ROOT, code_lines, markdown, names

from motet.cli.main import app
from motet.config import Settings

DOCUMENTS = markdown()
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]+\.(?:py|md|service|toml|js|mjs|c|lock|txt|sh)")
COMMAND = re.compile(r"(?:^|[/ ])motet ([a-z]+)((?: .*)?)$")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")

COMMANDS = {
    name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    | {"--help"}
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
}


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_relative_link_leads_to_a_file_and_its_heading(path: Path) -> None:
    """Links to elsewhere are not followed."""
    broken = []
    for target in LINK.findall(path.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_file_that_is_named_is_there(path: Path) -> None:
    """From the root of the repository, from src/motet, or from where the document is."""
    places = (ROOT, ROOT / "src" / "motet", path.parent)
    # Whole spans only: a command's argument may be a file of the reader's.
    named = [line for line in code_lines(path) if FILE.fullmatch(line)]
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_command_that_is_named_exists_with_its_options(path: Path) -> None:
    """Options that stand alone are of some command."""
    wrong = []
    for line in code_lines(path):
        command = COMMAND.search(line.partition(" #")[0])
        if command is not None:
            known = COMMANDS.get(command[1], set())
            if not known or not known.issuperset(OPTION.findall(command[2])):
                wrong.append(line)
        elif line.startswith("--") and not set.union(*COMMANDS.values()).issuperset(OPTION.findall(line)):
            wrong.append(line)
    assert wrong == []


def test_the_unit_of_systemd_starts_a_command_that_exists() -> None:
    """With options that it has."""
    (line,) = re.findall(r"^ExecStart=(.+)$", (ROOT / "deploy" / "motet.service").read_text(), re.MULTILINE)
    command = COMMAND.search(line)
    assert command is not None
    assert COMMANDS[command[1]].issuperset(OPTION.findall(command[2]))


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_setting_that_is_named_exists(path: Path) -> None:
    """By its name, or as a variable."""
    named = {line for line in code_lines(path) if re.fullmatch(r"(max|low|high)_\w+|\w+_(seconds|bytes|days)", line)}
    named -= {line for line in named if line.startswith(("motet_", "process_"))}
    variables = {name.lower() for line in code_lines(path) for name in re.findall(r"\bMOTET_(\w+)", line)}
    assert sorted((named | variables) - Settings.model_fields.keys() - {"config", "token"}) == []
