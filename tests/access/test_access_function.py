"""A function of the application's that says who somebody is."""

from __future__ import annotations

import functools
import threading
from math import nan
from pathlib import Path

import pytest
from access_harness import NOW, ROOM, Clock, shown

from motet.access import Credentials, Grant, built_in
from motet.access.function import FunctionAccess, GrantFunction, loaded
from motet.errors import ConfigError, Forbidden, NotAuthenticated, TryLater, Unavailable
from motet.ids import RoomName, UserId

ADA = Grant(UserId("ada"), role="editor")


async def asked(function: GrantFunction) -> Grant:
    return await FunctionAccess(function, built_in(), Clock()).grant(shown("t"), ROOM)


async def test_the_function_gets_credentials_and_room_and_may_be_a_coroutine() -> None:
    """[T17] In whichever form a callable comes."""
    seen: list[tuple[str, RoomName, bool]] = []

    def note(credentials: Credentials, room: RoomName) -> Grant:
        seen.append((credentials.token, room, threading.current_thread() is threading.main_thread()))
        return ADA

    async def note_async(credentials: Credentials, room: RoomName) -> Grant:
        return note(credentials, room)

    class Noting:
        async def __call__(self, credentials: Credentials, room: RoomName) -> Grant:
            return note(credentials, room)

    for function in (note, note_async, Noting(), functools.partial(note_async)):
        assert (await asked(function)).user == "ada"
    # What may wait for a database does not stop the loop.
    assert seen == [("t", ROOM, False), *[("t", ROOM, True)] * 3]


async def test_a_grant_that_does_not_say_when_it_was_issued_was_issued_now() -> None:
    """[T6] So a revocation ends it; what the function says of it holds."""
    assert (await asked(lambda credentials, room: ADA)).issued == NOW
    assert (await asked(lambda credentials, room: Grant(UserId("ada"), issued=7.0))).issued == 7.0


async def test_none_is_nobody_known() -> None:
    """[T17] A refusal for good, until they sign in."""
    with pytest.raises(NotAuthenticated):
        await asked(lambda credentials, room: None)


@pytest.mark.parametrize("error", [NotAuthenticated("no"), Forbidden("no"), Unavailable("no"), TryLater("no")])
async def test_errors_of_ours_go_through(error: Exception) -> None:
    """[T17] As they are."""

    def failing(credentials: Credentials, room: RoomName) -> Grant:
        raise error

    with pytest.raises(type(error)) as raised:
        await asked(failing)
    assert raised.value is error


@pytest.mark.parametrize(
    "error", [ValueError("at db:5432"), KeyError("x"), StopIteration(), RecursionError(), OSError()]
)
async def test_any_other_error_is_an_outage_with_its_cause(error: Exception) -> None:
    """[T17] Nothing of it is told to the peer."""

    def failing(credentials: Credentials, room: RoomName) -> Grant:
        raise error

    async def failing_async(credentials: Credentials, room: RoomName) -> Grant:
        raise error

    for function in (failing, failing_async):
        with pytest.raises(Unavailable) as raised:
            await asked(function)
        assert "5432" not in str(raised.value)
        assert raised.value.__cause__ is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "ada"},
        "ada",
        True,
        0,
        Grant(UserId("")),
        Grant(UserId("ada"), role="edtor"),
        Grant(UserId("ada"), rooms={"a": "edtor"}),
    ],
)
async def test_what_is_no_grant_lets_nobody_in(wrong: object) -> None:
    """[T17] Nor a grant without a user, or with a role that nobody defined."""
    with pytest.raises(Unavailable) as raised:
        await asked(lambda credentials, room: wrong)  # type: ignore[arg-type, return-value]
    assert "the function returned" in str(raised.value.__cause__)


async def test_a_grant_that_could_not_end_is_none() -> None:
    """[T5] NaN is later than no time."""
    with pytest.raises(Unavailable):
        await asked(lambda credentials, room: Grant(UserId("ada"), expires=nan))
    with pytest.raises(ValueError, match="times"):
        Grant(UserId("ada"), issued=nan)


def test_a_function_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T17] In a module that Python finds."""
    (tmp_path / "their_access.py").write_text("def grant(credentials, room): ...\nname = 'x'")
    monkeypatch.syspath_prepend(tmp_path)
    assert callable(loaded("their_access:grant"))
    for bad, reason in {
        "their_access": "module:function",
        ":grant": "module:function",
        "their_access:": "module:function",
        "their_access:missing": "no function",
        "their_access:name": "no function",
        "nowhere_at_all:grant": "PYTHONPATH",
        ".relative:grant": "cannot be imported",
    }.items():
        with pytest.raises(ConfigError, match=reason):
            loaded(bad)


@pytest.mark.parametrize("source", ["1/0", "def", "import nothing_of_that_name"])
def test_a_module_that_fails_is_told_at_the_start(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T17] With its own error as the cause."""
    (tmp_path / "failing_access.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="failing_access:grant"):
        loaded("failing_access:grant")
