"""Settings: where they come from, which of them count, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from motet.config import Settings, config_file, load, origins
from motet.errors import ConfigError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a settings file, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MOTET_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_without_anything_every_setting_has_its_default() -> None:
    """A server that nobody configured listens on loopback and refuses to serve."""
    settings = load({})
    assert (settings.host, settings.port, settings.open) == ("127.0.0.1", 8000, False)
    assert settings.data == Path("motet-data")
    assert set(origins({}).values()) == {"default"}


def test_the_command_line_counts_before_the_environment_before_the_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And `origins` says which did."""
    (elsewhere / "motet.toml").write_text("port = 1\nworkers = 1\nping_seconds = 3\n")
    monkeypatch.setenv("MOTET_PORT", "10")
    monkeypatch.setenv("MOTET_PING_SECONDS", "30")
    given = {"port": 100, "host": None}
    settings = load(given)
    assert (settings.port, settings.ping_seconds, settings.workers) == (100, 30.0, 1)
    found = origins(given)
    assert found["port"] == "command line"
    assert found["ping_seconds"] == "environment"
    assert found["workers"] == "motet.toml"
    assert found["host"] == "default"


def test_a_flag_that_says_no_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """False is an answer; None is none."""
    monkeypatch.setenv("MOTET_OPEN", "true")
    assert load({}).open
    assert load({"open": None}).open
    assert not load({"open": False}).open
    assert origins({"open": False})["open"] == "command line"


def test_every_setting_can_be_given_in_the_environment_and_in_the_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name."""
    templates = '{"notes/*" = "a.yjs"}'
    lines = []
    for name, value in load({}).model_dump(mode="json").items():
        if isinstance(value, dict):
            lines.append(f"{name} = {templates if name == 'templates' else '{}'}")
        elif value is not None:
            lines.append(f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}")
    none = [name for name, value in load({}).model_dump().items() if value is None]
    lines += [f"{name} = 'a'" for name in none]
    (elsewhere / "motet.toml").write_text("\n".join(lines))
    assert load({}).templates == {"notes/*": Path("a.yjs")}
    assert set(origins({}).values()) == {"motet.toml"}
    for name in Settings.model_fields:
        monkeypatch.setenv(f"MOTET_{name.upper()}", '{"a": "b"}' if name in ("templates", "roles", "lanes") else "1")
    assert set(origins({}).values()) == {"environment"}


def test_another_file_can_be_named_and_must_then_be_there(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a mistake in it must not mean the defaults."""
    (elsewhere / "other.toml").write_text("port = 7\n")
    monkeypatch.setenv("MOTET_CONFIG", "other.toml")
    assert config_file() == Path("other.toml")
    assert load({}).port == 7
    assert origins({})["port"] == "other.toml"
    monkeypatch.setenv("MOTET_CONFIG", "othre.toml")
    with pytest.raises(ConfigError, match=r"no settings file othre\.toml"):
        load({})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"port": 70_000}, "port: "),
        ({"port": "http"}, "port: .*got 'http'"),
        ({"log_level": "loud"}, "log_level: "),
        ({"max_room_bytes": 0}, "max_room_bytes: .*got 0"),
        ({"retention_days": -1}, "retention_days: "),
        ({"port": "x", "workers": "y"}, r"port: [^\n]*\n  workers: "),
    ],
)
def test_a_value_that_cannot_be_used_is_named(given: dict[str, object], named: str) -> None:
    """All of them at once."""
    with pytest.raises(ConfigError, match=named):
        load(given)


def test_the_environment_and_the_file_are_checked_alike(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the setting, or of what cannot be read."""
    monkeypatch.setenv("MOTET_MAX_CONNECTIONS", "tcp://10.0.0.1:8000")  # as Kubernetes sets for a service `motet-max`
    with pytest.raises(ConfigError, match=r"max_connections: .*got 'tcp:"):
        load({})
    monkeypatch.delenv("MOTET_MAX_CONNECTIONS")
    monkeypatch.setenv("MOTET_TEMPLATES", "no json")
    with pytest.raises(ConfigError, match=r'environment.*"templates"'):
        load({})
    monkeypatch.delenv("MOTET_TEMPLATES")
    (elsewhere / "motet.toml").write_text("max_room_byte = 1\n")
    with pytest.raises(ConfigError, match="max_room_byte: "):
        load({})
    (elsewhere / "motet.toml").write_text("port = [\n")
    with pytest.raises(ConfigError, match=r"motet\.toml cannot be read"):
        load({})
    (elsewhere / "motet.toml").write_bytes(b"host = '\xff'")
    with pytest.raises(ConfigError, match=r"motet\.toml cannot be read"):
        load({})


def test_settings_do_not_change() -> None:
    """They are read once."""
    with pytest.raises(ValidationError, match="frozen"):
        load({}).port = 1  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    """The description is the option's help and the row of the table in docs/OPERATIONS.md."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
