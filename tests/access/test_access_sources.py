"""The sources that the settings name, and their order."""

from __future__ import annotations

import os
import time
from pathlib import Path

import jwt
import pytest
from access_harness import ROOM, SECRET, jwk, jwks, pem, private_key, shown

from motet.access import Credentials, Grant, built_in
from motet.access.function import FunctionAccess
from motet.access.keys import secret_key
from motet.access.sources import Sources, authenticator_of, secret_of
from motet.access.tokens import TokenAccess
from motet.config import Settings, load
from motet.errors import ConfigError, Forbidden, MotetError, NotAuthenticated, Unavailable
from motet.ids import RoomName, UserId


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MOTET_")]:
        monkeypatch.delenv(name)


def good(secret: bytes = SECRET) -> str:
    return jwt.encode({"sub": "ada", "rooms": {"**": "editor"}, "exp": int(time.time()) + 60}, secret, "HS256")


async def user(sources: Sources | None, token: str) -> str:
    assert sources is not None
    try:
        return (await sources.grant(shown(token), ROOM)).user
    finally:
        await sources.close()


def test_without_a_source_there_is_none() -> None:
    """[T18] The server then serves in open mode or not at all."""
    assert authenticator_of(Settings(), built_in()) is None


async def test_a_secret_comes_from_its_setting_or_its_file(tmp_path: Path) -> None:
    """[T18] An editor's newline at the end of the file is no part of it."""
    assert await user(authenticator_of(Settings(secret=SECRET.decode()), built_in()), good()) == "ada"
    file = tmp_path / "secret"
    for end in (b"", b"\n"):
        file.write_bytes(SECRET + end)
        assert await user(authenticator_of(Settings(secret_file=file), built_in()), good()) == "ada"
    file.write_bytes(SECRET + b"\n\n")
    with pytest.raises(NotAuthenticated):
        await user(authenticator_of(Settings(secret_file=file), built_in()), good())
    file.write_bytes(bytes(range(128, 160)))
    assert secret_of(Settings(secret_file=file)) == bytes(range(128, 160))


async def test_public_keys_come_from_a_file_beside_the_secret(tmp_path: Path) -> None:
    """[T18] Tokens of either are good."""
    key = private_key("ES256")
    file = tmp_path / "keys.pem"
    claims = {"sub": "bob", "rooms": {}, "exp": int(time.time()) + 60}
    for data in (pem(key), jwks(jwk(key))):
        file.write_bytes(data)
        both = Settings(secret=SECRET.decode(), public_key_file=file)
        assert await user(authenticator_of(both, built_in()), good()) == "ada"
        assert await user(authenticator_of(both, built_in()), jwt.encode(claims, key, "ES256")) == "bob"


SECRET_TEXT = SECRET.decode()
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "two secrets": ({"secret": SECRET_TEXT, "secret_file": "x"}, "both"),
    "no such file": ({"secret_file": "nowhere"}, "nowhere.*No such file"),
    "an empty secret": ({"secret": ""}, "openssl"),
    "a short secret": ({"secret": "short"}, "openssl"),
    "an algorithm of no key": ({"secret": SECRET_TEXT, "jwt_algorithms": ["HS256", "RS256"]}, "RS256"),
    "algorithms without keys": ({"jwt_algorithms": ["HS256"]}, "HS256"),
    "alg=none": ({"secret": SECRET_TEXT, "jwt_algorithms": ["HS256", "none"]}, "none"),
    "a secret without an algorithm": (
        {"secret": SECRET_TEXT, "jwks_url": "https://a/", "jwt_algorithms": ["RS256"]},
        "secret",
    ),
    "an address without an algorithm": (
        {"secret": SECRET_TEXT, "jwks_url": "https://a/", "jwt_algorithms": ["HS256"]},
        "jwks_url",
    ),
    "no address": ({"jwks_url": ""}, "jwks_url"),
    "a file as address": ({"jwks_url": "file:///etc/passwd"}, "jwks_url"),
    "no address of the application": ({"auth_url": "app"}, "auth_url"),
    "two applications": ({"auth_url": "https://a/", "auth_callable": "a:b"}, "one of them"),
    "no function": ({"auth_callable": "a"}, "module:function"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_settings_that_contradict_themselves_are_refused_at_the_start(what: str) -> None:
    """[T18] In words that say what to do, and hold no secret."""
    given, reason = REFUSED[what]
    with pytest.raises(ConfigError, match=reason) as refused:
        authenticator_of(Settings(**given), built_in())  # type: ignore[arg-type]
    assert SECRET_TEXT not in str(refused.value)


class Saying:
    """Says of everybody the same."""

    def __init__(self, answer: Grant | MotetError) -> None:
        self.answer = answer
        self.asked = 0

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        self.asked += 1
        if isinstance(self.answer, Grant):
            return self.answer
        raise self.answer


@pytest.mark.parametrize("error", [Forbidden("no"), Unavailable("no")])
async def test_the_next_source_is_asked_about_strangers_only(error: MotetError) -> None:
    """[T18] What a source refuses or cannot know now, another does not decide."""
    ada = Grant(UserId("ada"), role="editor")
    for first, expected in ((Saying(ada), 0), (Saying(error), 0), (Saying(NotAuthenticated("no")), 1)):
        second = Saying(Grant(UserId("bob")))
        try:
            await Sources([first, second]).grant(shown("t"), ROOM)
        except MotetError as e:
            assert e is error
        assert (first.asked, second.asked) == (1, expected)


async def test_tokens_come_first_and_the_application_decides_about_others() -> None:
    """[T18] Also about a token that has expired by our keys, or none at all."""
    tokens = TokenAccess([secret_key(SECRET, frozenset())], None, built_in(), time.time)
    asked: list[str] = []

    def application(credentials: Credentials, room: RoomName) -> Grant | None:
        asked.append(credentials.token)
        return Grant(UserId("bob"), role="viewer") if credentials.token == "session" else None

    sources = Sources([tokens, FunctionAccess(application, built_in(), time.time)])
    assert await user(sources, good()) == "ada"
    assert not asked
    assert await user(sources, "session") == "bob"
    for stranger in ("", good(SECRET * 2)):
        with pytest.raises(NotAuthenticated):
            await user(sources, stranger)


async def test_sources_of_every_kind_close() -> None:
    """[T18] And forget, whether they hold anything or not."""
    sources = authenticator_of(
        Settings(jwks_url="https://127.0.0.1:1/jwks", auth_url="https://127.0.0.1:1/"), built_in()
    )
    assert sources is not None
    assert sources.jwks is not None
    sources.forget(UserId("ada"))
    await sources.close()


@pytest.mark.parametrize(
    "toml",
    [
        "secret = 12345678901234567890",
        'secret = ["hunter2 hunter2 hunter2"]',
        'secrets = "hunter2 hunter2 hunter2"',
        'SECRET_KEY = "hunter2 hunter2 hunter2"',
        "[secret]\nis = 'hunter2 hunter2 hunter2'",
    ],
)
def test_a_wrong_setting_does_not_show_a_secret(toml: str, tmp_path: Path) -> None:
    """[T12] Nor what stands under a misspelt name."""
    (tmp_path / "motet.toml").write_text(toml)
    with pytest.raises(ConfigError, match=r"(?i)secret") as refused:
        load({})
    assert "hunter2" not in str(refused.value)
    assert "1234567" not in str(refused.value)


def test_a_wrong_setting_that_is_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """[T12] That helps."""
    monkeypatch.setenv("MOTET_PORT", "many")
    with pytest.raises(ConfigError, match="got 'many'"):
        load({})
