"""`motet doctor`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_harness import Outcome, motet

from motet import __version__
from motet.config import Settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a settings file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings_of(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Value and origin of each setting in the table."""
    rows = (re.split(r" {2,}", line.strip()) for line in outcome.out.splitlines())
    return {row[0]: (" ".join(row[1:-1]), row[-1]) for row in rows if row[0] in Settings.model_fields}


def test_it_says_what_is_installed() -> None:
    """The versions that a report of a problem needs."""
    out = motet("doctor").out
    for word in (f"motet {__version__}", "Python 3.", "SQLite 3.", "picows ", "pycrdt ", "cores"):
        assert word in out


def test_each_setting_is_told_with_its_value_and_where_it_came_from(elsewhere: Path) -> None:
    """The command line before the environment before the file before the default."""
    (elsewhere / "motet.toml").write_text('port = 1\nmax_connections = 2\ndrain_seconds = 3.5\ndata = "[red]"\n')
    outcome = motet("doctor", "--port", 9, "--open", env={"MOTET_PORT": "5", "MOTET_MAX_CONNECTIONS": "6"})
    table = settings_of(outcome)
    assert table.keys() == Settings.model_fields.keys()
    assert table["port"] == ("9", "command line")
    assert table["open"] == ("True", "command line")
    assert table["max_connections"] == ("6", "environment")
    assert table["drain_seconds"] == ("3.5", "motet.toml")
    assert table["data"] == ("[red]", "motet.toml")
    assert table["root_path"] == ("", "default")
    assert f"settings file: {elsewhere / 'motet.toml'} (read)" in outcome.out


def test_it_says_whether_one_could_serve_with_these_settings(elsewhere: Path) -> None:
    """Templates too, which are read at the start."""
    assert "would refuse these settings: there is no way to tell who someone is" in motet("doctor").out
    assert "would start with these settings" in motet("doctor", "--open").out
    assert "refuse" in motet("doctor", "--open", "--workers", 2).out
    (elsewhere / "bad.yjs").write_bytes(b"\x01")
    assert "bad.yjs" in motet("doctor", "--open", env={"MOTET_TEMPLATES": '{"*": "bad.yjs"}'}).out.splitlines()[-1]


def test_it_tells_the_free_space_of_a_directory_that_is_not_made_yet(elsewhere: Path) -> None:
    """And does not make it."""
    out = motet("doctor", "--data", "a/b/c").out
    assert re.search(rf"data directory: {re.escape(str(elsewhere))}/a/b/c \([\d,]+ bytes free; not made yet\)", out)
    assert list(elsewhere.iterdir()) == []
    (elsewhere / "a").mkdir()
    assert "not made yet" not in motet("doctor", "--data", "a").out


def test_a_variable_that_looks_like_a_setting_and_is_none_is_told() -> None:
    """A mistake in its name would go unnoticed: an environment has others' variables too, so it is no error."""
    out = motet("doctor", env={"MOTET_MAX_ROOM_BYTE": "1", "MOTET_PORT": "5", "MOTET_SERVICE_HOST": "10.0.0.1"}).out
    assert "no settings: MOTET_MAX_ROOM_BYTE, MOTET_SERVICE_HOST\n" in out
    assert "no settings" not in motet("doctor", env={"MOTET_PORT": "5"}).out


def test_settings_that_cannot_be_read_are_an_error_that_names_them() -> None:
    """It is the command one runs to find that out."""
    outcome = motet("doctor", env={"MOTET_MAX_CONNECTIONS": "many"})
    assert outcome.code == 1
    assert "max_connections: " in outcome.err
    assert "got 'many'" in outcome.err
