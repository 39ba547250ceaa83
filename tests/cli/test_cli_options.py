"""Settings as options: each is one, described as in `Settings`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_harness import motet

from motet.cli.options import FILE_ONLY, data_directory
from motet.config import Settings
from motet.errors import ConfigError


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_every_setting_is_an_option_with_its_description_variable_and_default(command: str) -> None:
    """But for those that are no single value."""
    told = " ".join(motet(command, "--help").out.split())
    for name, field in Settings.model_fields.items():
        flag = f"--{name.replace('_', '-')} "
        if name in FILE_ONLY:
            assert flag not in told
            continue
        described = told.partition(flag)[2]
        assert f"MOTET_{name.upper()}" in described
        assert " ".join((field.description or "").split()) in re.sub(r"- (?=\w)", "-", described)
        if field.default not in (None, "", False, ()):
            assert f"default {field.default}" in described


def test_the_data_directory_is_the_option_else_what_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So `motet rooms` looks where `motet serve` writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOTET_DATA", raising=False)
    assert data_directory(None) == Path("motet-data")
    (tmp_path / "motet.toml").write_text('data = "from-the-file"')
    assert data_directory(None) == Path("from-the-file")
    monkeypatch.setenv("MOTET_DATA", "from-the-environment")
    assert data_directory(None) == Path("from-the-environment")
    assert data_directory(Path("given")) == Path("given")


def test_settings_that_cannot_be_used_stop_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look into the wrong directory, or serve with half of what was meant."""
    monkeypatch.setenv("MOTET_PORT", "many")
    with pytest.raises(ConfigError, match="port"):
        data_directory(None)
