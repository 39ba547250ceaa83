"""`motet token`: what it mints the server accepts, and what the server would refuse it does not mint."""

from __future__ import annotations

import asyncio
import time
from math import inf
from pathlib import Path

import jwt
import pytest
from cli_harness import Outcome, motet

from motet.access import Credentials, built_in
from motet.access.keys import secret_key
from motet.access.tokens import LEEWAY, TokenAccess
from motet.ids import RoomName

SECRET = "a secret of thirty-two bytes or more"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def minted(*arguments: str, **env: str) -> Outcome:
    return motet("token", *arguments, env={"MOTET_SECRET": SECRET, **env})


def test_a_token_stands_alone_on_standard_output_and_is_accepted() -> None:
    """[T19] Ready for `$(motet token …)`."""
    before = int(time.time())
    said = minted("--user", "ada", "--room", "notes/*=editor", "--room", "a=b=viewer", "--expires", "15m",
                  "--name", "Ada L.", "--color", "#c00")  # fmt: skip
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{said.out.strip()}\n"
    access = TokenAccess([secret_key(SECRET.encode(), frozenset())], None, built_in(), time.time)
    grant = asyncio.run(access.grant(Credentials(said.out.strip(), "unix"), RoomName("notes/a")))
    assert (grant.user, grant.name, grant.attributes) == ("ada", "Ada L.", {"color": "#c00"})
    assert grant.rooms == {"notes/*": "editor", "a=b": "viewer"}
    assert before <= grant.issued + LEEWAY <= time.time()
    assert grant.expires - grant.issued - LEEWAY == 15 * 60
    assert len(grant.token_id) >= 16
    assert grant.issued > -inf


def test_tokens_differ_in_their_ids_and_are_short() -> None:
    """[T19] Each can be revoked alone; what was not given is not in it."""
    claims = [jwt.decode(minted("--user", "ada", "--room", "**=viewer").out.strip(), SECRET, ["HS256"]) for _ in "ab"]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0].keys() == {"sub", "rooms", "iat", "exp", "jti"}
    assert claims[0]["exp"] - claims[0]["iat"] == 3600
    named = minted("--user", "ada", "--room", "**=viewer", "--jti", "mine").out.strip()
    assert jwt.decode(named, SECRET, ["HS256"])["jti"] == "mine"


@pytest.mark.parametrize(("given", "seconds"), [("30s", 30), ("1m", 60), ("2h", 7200), ("7d", 7 * 86400)])
def test_durations(given: str, seconds: int) -> None:
    """[T19] Seconds, minutes, hours, days."""
    token = minted("--user", "ada", "--room", "**=viewer", "--expires", given).out.strip()
    claims = jwt.decode(token, SECRET, ["HS256"])
    assert claims["exp"] - claims["iat"] == seconds


def test_it_mints_what_the_settings_ask_for(tmp_path: Path) -> None:
    """[T19] Audience, issuer and algorithm; the secret from its file."""
    (tmp_path / "secret").write_text(f"{SECRET * 2}\n")
    (tmp_path / "motet.toml").write_text(
        'secret_file = "secret"\njwt_audience = "motet"\njwt_issuer = "us"\njwt_algorithms = ["HS512"]\n'
        "[roles]\nproofreader = ['comments']\n"
    )
    said = motet("token", "--user", "ada", "--room", "**=proofreader")
    claims = jwt.decode(said.out.strip(), SECRET * 2, ["HS512"], audience="motet", issuer="us")
    assert claims["rooms"] == {"**": "proofreader"}
    said = motet("token", "--user", "ada", "--room", "**=viewer", "--audience", "other", "--issuer", "them")
    jwt.decode(said.out.strip(), SECRET * 2, ["HS512"], audience="other", issuer="them")


GOOD = {"--user": "ada", "--room": "notes/*=editor"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"--user": ""}, "sub"),
        ({"--user": "a\nb"}, "sub"),
        ({"--user": "a" * 257}, "sub"),
        ({"--room": "notes/*"}, "PATTERN=ROLE"),
        ({"--room": "no*es=editor"}, "no pattern"),
        ({"--room": "=editor"}, "no pattern"),
        ({"--room": "notes/*=edtor"}, "'edtor'"),
        ({"--room": "notes/*="}, "role"),
        ({"--expires": "soon"}, "--expires"),
        ({"--expires": "-1h"}, "--expires"),
        ({"--expires": "1.5h"}, "--expires"),
        ({"--expires": "1"}, "--expires"),
        ({"--expires": "0s"}, "expired"),
        ({"--expires": "999999999d"}, "exp"),
        ({"--color": "url(x)"}, "color"),
        ({"--name": "\x1b[31m"}, "name"),
        ({"--name": "x" * 9000}, "8192"),
    ],
)
def test_what_the_server_would_refuse_is_not_minted(changed: dict[str, str], reason: str) -> None:
    """[T19] With the reason that the server would give."""
    said = minted(*[part for option in {**GOOD, **changed}.items() for part in ("=".join(option),)])
    assert said.code == 1
    assert said.out == ""
    assert reason in said.err
    assert SECRET not in said.err


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "openssl rand -base64 32"),
        ({"MOTET_SECRET": "short"}, "openssl rand -base64 32"),
        ({"MOTET_SECRET": SECRET, "MOTET_SECRET_FILE": "x"}, "both"),
        ({"MOTET_SECRET_FILE": "nowhere"}, "nowhere"),
        ({"MOTET_SECRET": SECRET, "MOTET_JWT_ALGORITHMS": "RS256"}, "jwt_algorithms"),
    ],
)
def test_without_a_secret_it_says_what_to_set(env: dict[str, str], reason: str) -> None:
    """[T19] And shows none."""
    said = motet("token", "--user", "ada", "--room", "**=viewer", env=env)
    assert (said.code, said.out) == (1, "")
    assert reason in said.err
    assert SECRET not in said.err
