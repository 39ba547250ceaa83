"""Exceptions that nobody designed: where they go, and what is told of them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from structlog.testing import capture_logs

from motet.errors import ConfigError, Unavailable
from motet.observability import Errors, Event, Unexpected, sentry
from motet.observability.errors import TOLD
from motet.observability.tracebacks import CHAIN, SHOWN, traceback_of

SECRET = "the-secret-of-the-document"


def raised(fail: Callable[[], object]) -> Exception:
    """What this raises, with its traceback."""
    try:
        fail()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def broken(document: str = SECRET) -> None:
    """Fails with the document in a local variable and in the message."""
    raise ValueError(f"cannot read {document}")


def led_on() -> None:
    """One exception leads to another."""
    try:
        broken()
    except ValueError as error:
        raise RuntimeError("while reading") from error


def test_a_traceback_tells_where_and_what_but_no_value() -> None:
    """[O5] Neither local variables nor a message that quotes what could not be used."""
    text = traceback_of(raised(broken))
    assert text.endswith("\nValueError")
    assert "in broken" in text and "test_observability_errors.py" in text
    assert SECRET not in text
    for quoting in (KeyError(SECRET), UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), Exception(SECRET)):
        assert SECRET not in traceback_of(quoting)


def test_messages_about_code_and_the_machine_are_told() -> None:
    """[O5] At a bounded length."""
    for error in (OSError(28, "No space left"), sqlite3.OperationalError("disk I/O error"), Unavailable("the store")):
        assert str(error) in traceback_of(error)
    assert len(traceback_of(RuntimeError("x" * 10 * SHOWN))) < 2 * SHOWN


def test_what_led_to_an_exception_is_told_before_it() -> None:
    """[O5] As Python does; of groups, the parts too; and never without end."""
    text = traceback_of(raised(led_on))
    assert text.index("ValueError") < text.index("which led to:") < text.index("RuntimeError: while reading")
    group = ExceptionGroup("both", [TypeError("one"), OSError("two")])
    assert all(part in traceback_of(group) for part in ("TypeError: one", "OSError: two"))
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert traceback_of(one).count("RuntimeError") == 2
    deep = RuntimeError("0")
    for n in range(3 * CHAIN):
        outer = RuntimeError(str(n))
        outer.__cause__, deep = deep, outer
    assert traceback_of(deep).count("RuntimeError") == CHAIN


def test_a_report_is_an_event_and_a_line_with_whom_it_was_about() -> None:
    """[O6]"""
    told: list[Event] = []
    errors = Errors(told.append)
    with capture_logs() as lines:
        errors.report(raised(led_on), "room", room="notes/a", user="ada", event="tick", connection="c1")
    assert told == [Unexpected("room", "RuntimeError", "notes/a", "ada", "tick", "c1")]
    (line,) = lines
    assert {**line, "exc_info": None} == {
        "event": "unexpected", "log_level": "error", "where": "room", "error": "RuntimeError", "room": "notes/a",
        "user": "ada", "connection": "c1", "about": "tick", "exc_info": None,
    }  # fmt: skip


def test_the_same_at_the_same_place_is_told_a_few_times_and_counted_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O6] Another type, or another place, is another matter."""
    told: list[Event] = []
    sent: list[str] = []
    errors = Errors(told.append, lambda error, event: sent.append(event.where))
    clock = iter([*[0.0] * (TOLD + 10), 0.0, 0.0, 100.0])
    monkeypatch.setattr("motet.observability.errors.time.monotonic", lambda: next(clock))
    with capture_logs() as lines:
        for _ in range(TOLD + 10):
            errors.report(KeyError("a"), "room")
        errors.report(KeyError("a"), "http")
        errors.report(TypeError("a"), "room")
        errors.report(TypeError("a"), "room")
    assert len(told) == TOLD + 13
    assert [line["event"] for line in lines] == ["unexpected"] * (TOLD + 2) + ["unexpected_again", "unexpected"]
    assert (lines[-2]["about"], lines[-2]["times"]) == ("KeyError at room", 10)
    assert sent == ["room"] * TOLD + ["http", "room", "room"]


async def test_what_a_callback_raises_is_reported_without_its_arguments() -> None:
    """[O6] The loop's own message shows them."""
    told: list[Event] = []
    errors = Errors(told.append)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(errors.of_loop)
    with capture_logs() as lines:
        loop.call_soon(broken, SECRET)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.call_exception_handler({"message": f"Task was destroyed <Task {SECRET}>"})
    assert told == [Unexpected("loop", "ValueError", event="Exception in callback broken")]
    assert [line["event"] for line in lines] == ["unexpected", "loop_complains"]
    assert lines[1]["about"] == "Task was destroyed"
    assert SECRET not in str([{**line, "exc_info": None} for line in lines])


# ---- Sentry


def sent_by(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], fail: Callable[[], object]) -> list[Any]:
    """The events that a report sends there."""
    sent: list[Any] = []

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: sentry_sdk.envelope.Envelope) -> None:
            sent.append(envelope.get_event())

    real = sentry_sdk.init
    monkeypatch.setattr(sentry_sdk, "init", lambda **given: real(**given, transport=Transport))
    send = sentry(environ, "1.2.3")
    assert send is not None
    try:
        Errors(lambda event: None, send).report(
            raised(fail), "room", room="notes/a", user="ada", event="tick", connection="c1"
        )
    finally:
        real()  # off again
    return sent


@pytest.mark.parametrize("name", ["SENTRY_DSN", "MOTET_SENTRY_DSN"])
def test_an_exception_is_sent_with_room_member_and_event_and_nothing_private(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """[O7]"""
    (event,) = sent_by(monkeypatch, {name: "https://key@sentry.invalid/1"}, led_on)
    first, second = event["exception"]["values"]
    assert (first["type"], first["value"]) == ("ValueError", "")
    assert (second["type"], second["value"]) == ("RuntimeError", "while reading")
    assert second["stacktrace"]["frames"][-1]["function"] == "led_on"
    assert event["tags"] == {"where": "room", "room": "notes/a", "connection": "c1", "event": "tick"}
    assert event["user"] == {"id": "ada"}
    assert event["release"] == "motet@1.2.3"
    assert not {"breadcrumbs", "request", "extra", "modules", "contexts", "threads"} & event.keys()
    assert SECRET not in json.dumps(event)


def test_without_a_dsn_nothing_is_sent_and_a_wrong_one_is_told_at_the_start() -> None:
    """[O7] Not shown: it is a secret of sorts."""
    assert sentry({}, "1") is None
    assert sentry({"SENTRY_DSN": ""}, "1") is None
    with pytest.raises(ConfigError, match="DSN") as wrong:
        sentry({"SENTRY_DSN": "https://nobody"}, "1")
    assert "nobody" not in str(wrong.value)


def test_without_the_extra_it_is_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O7]"""
    monkeypatch.setitem(__import__("sys").modules, "sentry_sdk", None)
    with capture_logs() as lines:
        assert sentry({"SENTRY_DSN": "https://key@sentry.invalid/1"}, "1") is None
    assert [line["event"] for line in lines] == ["sentry_off"]
