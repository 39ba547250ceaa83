"""Every setting, with its name, unit and default: one frozen object, read once.

A setting comes from the command line, else `MOTET_<NAME>` in the environment, else `motet.toml` in the working
directory (or the file that `MOTET_CONFIG` names), else its default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from motet.errors import ConfigError

KIB, MIB = 1 << 10, 1 << 20


def _words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
"""Several words: one string with commas or spaces between them, or a list in the settings file."""


def _comments() -> dict[str, tuple[str, ...]]:
    return {"comments": ("comments", "threads")}


def config_file() -> Path:
    """The settings file that is read when it exists."""
    return Path(os.environ.get("MOTET_CONFIG", "motet.toml"))


class Settings(BaseSettings):
    """What the server is told. Sizes are bytes and times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="MOTET_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    uds: Path | None = Field(None, description="unix socket to listen on instead of host and port")
    data: Path = Field(Path("motet-data"), description="data directory; made when it does not exist")
    open: bool = Field(False, description="serve without authentication: everybody may read and edit every room")
    open_to_the_network: bool = Field(False, description="let --open listen on other addresses than loopback")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM)")
    tls_key: Path | None = Field(None, description="private key of the certificate (PEM)")
    root_path: str = Field("", description="path prefix under which a proxy serves Motet, stripped or not")
    workers: int = Field(1, description="must be 1: a room lives in one process")
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="least level that is logged: debug, info, warning, error",
    )

    templates: dict[str, Path] = Field(
        default_factory=dict,
        description="room pattern to a file (Yjs update, .json or .txt) that seeds a new room exactly once",
    )

    secret: SecretStr | None = Field(None, description="shared secret of HS256 tokens, at least 32 bytes")
    secret_file: Path | None = Field(None, description="file that holds the secret, instead of the secret itself")
    public_key_file: Path | None = Field(None, description="public keys (PEM, one or more, or a JWKS) of signed tokens")
    jwks_url: str | None = Field(None, description="address of the public keys (JWKS) of signed tokens")
    jwt_algorithms: Words = Field(
        (), description="the only algorithms accepted; none given: HS256 with a secret, those of the public keys else"
    )
    jwt_audience: str | None = Field(None, description="audience that a token must name")
    jwt_issuer: str | None = Field(None, description="issuer that a token must name")
    auth_url: str | None = Field(None, description="address that is asked (POST) for a grant")
    auth_headers: Words = Field((), description="request headers that are passed on to auth_url, by name")
    auth_seconds: float = Field(5.0, gt=0, description="for auth_url to answer, one repetition included")
    auth_cache_seconds: float = Field(5.0, ge=0, description="a grant of auth_url is used again for so long")
    auth_callable: str | None = Field(
        None, description="module:function that is asked for a grant, given credentials and room"
    )
    auth_cookie: str | None = Field(
        None, description="cookie that carries the token of browsers; needs allowed_origins"
    )
    allowed_origins: Words = Field(
        (), description="origins of pages, besides our own, that may open sockets and call the API; * is all"
    )
    trusted_proxies: Words = Field(
        (), description="addresses and networks of proxies whose X-Forwarded-For is believed; unix is a unix socket"
    )
    roles: dict[str, Words] = Field(
        default_factory=dict, description="roles of your own: name to what it may do (lanes, presence, history, …)"
    )
    lanes: dict[str, Words] = Field(
        default_factory=_comments,
        description="lanes of a document: name to root types; every other root is in the lane content",
    )

    max_update_bytes: int = Field(16 * MIB, gt=0, description="one update; beyond it the edit is refused (4413)")
    max_room_bytes: int = Field(
        64 * MIB, gt=0, description="one document in memory, and so one sync step 2; beyond it edits are refused (4413)"
    )
    max_members_per_room: int = Field(1000, gt=0, description="connections in one room; beyond it joins get 1013")
    max_rooms_per_connection: int = Field(
        100, gt=0, description="documents on one Hocuspocus socket; beyond it one more is denied"
    )
    max_connections: int = Field(20_000, gt=0, description="open sockets; beyond it upgrades get HTTP 503")
    max_connections_per_address: int = Field(5000, gt=0, description="open sockets of one address; beyond it HTTP 429")
    max_pending_bytes: int = Field(256 * KIB, gt=0, description="bytes a socket may send before its room is open")
    max_pending_messages: int = Field(64, gt=0, description="messages a socket may send before its room is open")
    max_pending_connections: int = Field(
        1000, gt=0, description="sockets that nobody has signed in on; beyond it the oldest is closed"
    )
    pending_seconds: float = Field(10.0, gt=0, description="for a socket to name itself and a room; then 4401")
    max_rooms_per_user: int = Field(1000, gt=0, description="rooms that one user is in; beyond it joins are refused")
    max_loaded_bytes: int = Field(
        1024 * MIB, gt=0, description="documents in memory; above it rooms without members leave at once"
    )
    max_journal_bytes: int = Field(
        8 * MIB, gt=0, description="updates waiting for the disk; above it reading from their writers pauses"
    )

    rate_seconds: float = Field(5.0, gt=0, description="a burst may be as large as so many seconds of its rate")
    connection_frames_per_second: float = Field(1000.0, ge=0, description="messages of one socket; 0 is no limit")
    connection_bytes_per_second: float = Field(8.0 * MIB, ge=0, description="bytes of one socket; 0 is no limit")
    connection_presence_per_second: float = Field(
        100.0, ge=0, description="presence messages of one socket; 0 is no limit"
    )
    connection_broadcasts_per_second: float = Field(
        50.0, ge=0, description="stateless broadcasts of one socket; 0 is no limit"
    )
    user_frames_per_second: float = Field(4000.0, ge=0, description="messages of one user; 0 is no limit")
    user_bytes_per_second: float = Field(32.0 * MIB, ge=0, description="bytes of one user; 0 is no limit")
    user_joins_per_second: float = Field(50.0, ge=0, description="joins of one user; 0 is no limit")
    address_frames_per_second: float = Field(0.0, ge=0, description="messages of one address; 0 is no limit")
    address_bytes_per_second: float = Field(0.0, ge=0, description="bytes of one address; 0 is no limit")
    address_joins_per_second: float = Field(0.0, ge=0, description="joins of one address; 0 is no limit")
    room_frames_per_second: float = Field(0.0, ge=0, description="edits of one room; 0 is no limit")
    room_bytes_per_second: float = Field(0.0, ge=0, description="bytes of edits of one room; 0 is no limit")
    room_joins_per_second: float = Field(0.0, ge=0, description="joins of one room; 0 is no limit")
    room_broadcasts_per_second: float = Field(
        200.0, ge=0, description="stateless broadcasts of one room; 0 is no limit"
    )

    accept_seconds: float = Field(10.0, gt=0, description="for a room to open at an upgrade; then HTTP 503")
    ping_seconds: float = Field(30.0, gt=0, description="silence after which a socket is pinged")
    pong_seconds: float = Field(10.0, gt=0, description="further silence after which it is closed")
    high_water_bytes: int = Field(256 * KIB, gt=0, description="write buffer above which a member is behind")
    behind_seconds: float = Field(60.0, gt=0, description="a member that takes nothing for so long is closed (1013)")
    room_idle_seconds: float = Field(60.0, ge=0, description="a room without members stays in memory for so long")
    drain_seconds: float = Field(5.0, ge=0, description="over which members are sent away at a stop")

    snapshot_bytes: int = Field(
        256 * KIB, gt=0, description="log bytes after which a snapshot is due (or half the last snapshot, if more)"
    )
    snapshot_rows: int = Field(5000, gt=0, description="log rows after which a snapshot is due")
    retention_days: float = Field(
        0.0, ge=0, description="log rows that a snapshot covers are kept for so many days; 0 drops them at compaction"
    )
    convergence_seconds: float = Field(
        60.0,
        ge=0,
        description="a quiet room is compared with its log, and some members with it, at most so often; 0 is never",
    )
    low_disk_bytes: int = Field(
        128 * MIB, ge=0, description="free bytes of the data directory below which the server is read-only"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def load(given: dict[str, Any]) -> Settings:
    """The settings, from what the command line gave (None: not given). Raises ConfigError with what to do."""
    if "MOTET_CONFIG" in os.environ and not config_file().is_file():
        raise ConfigError(f"there is no settings file {config_file()}: MOTET_CONFIG names it")
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as e:
        problems = [f"  {'.'.join(map(str, p['loc']))}: {p['msg']}{_got(p['loc'], p['input'])}" for p in e.errors()]
        raise ConfigError("settings that cannot be used:\n" + "\n".join(problems)) from None
    except SettingsError as e:
        raise ConfigError(f"the environment has a setting that cannot be read: {e}") from None
    except (OSError, ValueError) as e:
        raise ConfigError(f"{config_file()} cannot be read: {e}") from None


def _got(where: tuple[int | str, ...], value: object) -> str:
    """What was given, unless it is the secret, or may be: under a misspelt name there is no telling."""
    shown = where and where[0] != "secret" and where[0] in Settings.model_fields
    return f" (got {value!r})" if shown else ""


def origins(given: dict[str, Any]) -> dict[str, str]:
    """Where each setting comes from: "command line", "environment", the settings file's name, or "default"."""
    sources = [
        ("command line", InitSettingsSource(Settings, {k: v for k, v in given.items() if v is not None})),
        ("environment", EnvSettingsSource(Settings)),
        (str(config_file()), TomlConfigSettingsSource(Settings, config_file())),
    ]
    found: dict[str, str] = {}
    for where, source in sources:
        for name in source():
            found.setdefault(name, where)
    return {name: found.get(name, "default") for name in Settings.model_fields}
