"""Logs, as the process writes them: each test is a process of its own, for logging is configured once in each."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import re
import subprocess
import sys
from dataclasses import fields
from typing import Any, get_args

import pytest
from structlog.testing import capture_logs

from motet.observability import Event, Unexpected, name_of, on_behalf_of, write_line
from motet.observability import events as all_events
from motet.observability.lines import AUDITED, LEVELS
from motet.observability.logs import DROPPED, LINES, NEVER_DROPPED, SHOWN, current_request

PREAMBLE = """
import logging, structlog
from motet.observability import LOGS
LOGS.configure({level!r})
log = structlog.get_logger("motet.test")
"""


def logged(level: str, code: str) -> list[dict[str, Any]]:
    """The events that this code logs."""
    run = [sys.executable, "-c", PREAMBLE.format(level=level) + code]
    ended = subprocess.run(run, capture_output=True, text=True, check=True)
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def on_a_terminal(code: str) -> str:
    """What this code writes to one."""
    ours, theirs = pty.openpty()
    run = [sys.executable, "-c", PREAMBLE.format(level="info") + code]
    subprocess.run(run, stderr=theirs, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # how a terminal ends
        pass
    os.close(ours)
    return written.decode()


def test_an_event_is_one_line_of_json_with_its_fields_level_and_time() -> None:
    """[O1] On standard error, whatever is in it."""
    (event,) = logged("info", "log.info('served', room='a\\nb ü', bytes=3)")
    assert event["event"] == "served"
    assert event["room"] == "a\nb ü"
    assert event["bytes"] == 3
    assert (event["level"], event["logger"]) == ("info", "motet.test")
    assert event["timestamp"].endswith("Z")


def test_a_failure_is_logged_with_its_traceback_on_the_same_line() -> None:
    """[O5] Ours, and those of libraries."""
    code = """
try:
    1 / 0
except ZeroDivisionError:
    log.exception("ours")
    logging.getLogger("some.library").exception("theirs")
"""
    ours, theirs = logged("info", code)
    for event in (ours, theirs):
        assert "Traceback" in event["exception"]
        assert "ZeroDivisionError" in event["exception"]


def test_nothing_is_logged_under_the_level() -> None:
    """[O1] Neither ours nor what libraries have to say."""
    code = """
for at in (log, logging.getLogger("some.library"), logging.getLogger("uvicorn.error"), logging.getLogger("picows")):
    at.debug("d"); at.info("i"); at.warning("w"); at.error("e")
"""
    events = [event["event"] for event in logged("info", code)]
    assert events == [
        "i",
        "w",
        "e",
        "i",
        "w",
        "e",
        "w",
        "e",
        "e",
    ]  # uvicorn's and picows's chatter is not for operators
    assert [event["event"] for event in logged("error", code)] == ["e"] * 4


def test_on_a_terminal_nothing_in_an_event_is_obeyed() -> None:
    """[X77] Names come from outside: what would clear the screen, forge a line or turn the text around is escaped."""
    terminal, end = os.openpty()
    code = (
        PREAMBLE.format(level="info") + "log.warning('ro\\x1b[2Jom', room='\\x1b]0;t\\x07\\u202e\\x9b1m', by='a\\nb')"
    )
    subprocess.run([sys.executable, "-c", code], stderr=end, check=True)
    os.close(end)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    for obeyed in ("\x1b[2J", "\x1b]", "\x07", "\u202e", "\x9b", "a\n"):
        assert obeyed not in shown, shown
    assert "ro\\x1b[2Jom" in shown and "\\u202e" in shown


HOSTILE = "a\x1b]0;owned\x07\x1b[2J\nb\r2026-01-01 [info] access_granted\u2028\u202e\x9b31m\udcff\x7f"
"""A value that clears the screen, names the window, and looks like lines of its own."""


def test_hostile_values_are_escaped_on_a_terminal() -> None:
    """[O2] In events, in libraries' lines and in messages of exceptions, whose lines are indented besides."""
    code = f"""
hostile = {HOSTILE!r}
log.info("served", room=hostile, many=[hostile])
logging.getLogger("some.library").warning("said %s", hostile)
try:
    raise OSError(hostile)
except OSError:
    log.exception("failed")
"""
    text = on_a_terminal(code)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n")
    assert all(c.isprintable() or c == "\n" for c in plain), ascii(plain)
    starts = [line for line in plain.splitlines() if not line.startswith("    ")]
    assert len(starts) == 3
    assert plain.count("owned") == 4
    assert "\\x1b[2J" in plain


def test_hostile_values_are_escaped_in_json() -> None:
    """[O2] And are the same when they are read."""
    run = [sys.executable, "-c", PREAMBLE.format(level="info") + f"log.info('served', room={HOSTILE!r})"]
    written = subprocess.run(run, capture_output=True, check=True).stderr
    assert written.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in written.rstrip(b"\n"))
    assert json.loads(written)["room"] == HOSTILE


def test_what_may_hold_anything_is_shown_by_its_type_and_what_is_long_is_cut() -> None:
    """[O4] A repr may be a document."""
    (event,) = logged(
        "info", "log.info('a', data=b'secret', it={'a': 'secret'}, many=('x', b'secret'), long='x' * 10**6)"
    )
    assert (event["data"], event["it"], event["many"]) == ("<bytes>", "<dict>", ["x", "<bytes>"])
    assert event["long"] == "x" * SHOWN


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize("text", [JWT, "Authorization: Bearer opaque", "/ws/a?token=opaque&b=1", "bearer.opaque, yjs"])
def test_what_looks_like_a_token_is_blotted_out(text: str) -> None:
    """[O4] Libraries may quote what they were sent."""
    code = f"logging.getLogger('some.library').error('cannot read %r', {text!r}); log.info('a', reason={text!r})"
    for event in logged("info", code):
        shown = event.get("reason", event["event"])
        assert "***" in shown
        assert "opaque" not in shown and "eyJ" not in shown and "c2lnbmF0" not in shown


def test_what_libraries_say_at_debug_is_never_written() -> None:
    """[O4] It has headers in it."""
    code = """
for name in ("some.library", "httpx", "httpcore.http11", "urllib3.connectionpool", "uvicorn.error", "asyncio"):
    logging.getLogger(name).debug("Authorization")
for name in ("httpx", "httpcore.http11", "urllib3.connectionpool"):
    logging.getLogger(name).info("GET /?token=")
log.debug("ours")
"""
    assert [event["event"] for event in logged("debug", code)] == ["ours"]


# ---- too many


def test_of_a_flood_some_lines_are_written_and_then_how_many_were_dropped() -> None:
    """[O3] Of each name apart, libraries' too; and they are counted."""
    code = """
import time
from motet.observability import Counts
LOGS.counts = counts = Counts()
for n in range(500):
    log.info("noisy", n=n)
    logging.getLogger("some.library").warning("said %d", n)
log.info("calm")
time.sleep(1.1)
log.info("later", dropped=counts.log_lines_dropped)
"""
    lines = logged("info", code)
    names = [line["event"] for line in lines]
    assert names.count("noisy") == LINES
    assert sum(name.startswith("said") for name in names) == LINES
    assert "calm" in names
    told = {line["about"]: line["lines"] for line in lines if line["event"] == DROPPED}
    assert told == {"noisy": 500 - LINES, "some.library: said %d": 500 - LINES}
    assert lines[-1]["dropped"] == 2 * (500 - LINES)


def test_how_many_were_dropped_is_told_in_time_where_there_is_a_loop() -> None:
    """[O3] Not only when something else is written."""
    code = """
import asyncio
async def main():
    for n in range(100):
        log.info("noisy")
    await asyncio.sleep(1.2)
asyncio.run(main())
"""
    last = logged("info", code)[-1]
    assert (last["event"], last["lines"], last["level"]) == (DROPPED, 100 - LINES, "warning")


def test_the_audit_is_whole() -> None:
    """[O3] However many are let in at once. Refusals, which anybody can cause, are a sample."""
    code = """
from motet.observability import AccessGranted, AccessRefused, write_line
for n in range(200):
    write_line(AccessGranted("ada", f"room {n}", "editor", "yjs", "::1", ""))
    write_line(AccessRefused("", f"room {n}", "no token", 4401, "yjs", "::1"))
"""
    lines = logged("info", code)
    assert {line["logger"] for line in lines} == {"motet.audit"}
    names = [line["event"] for line in lines]
    assert (names.count("access_granted"), names.count("access_refused")) == (200, LINES)
    ours = {name_of(kind) for kind in get_args(Event)}
    assert ours >= NEVER_DROPPED - {DROPPED}


# ---- events


def test_every_event_has_a_level() -> None:
    """[O1] But the one whose line has a traceback."""
    assert set(LEVELS) == set(get_args(Event)) - {Unexpected}
    reserved = {"event", "level", "logger", "timestamp", "request", "exception"}
    for kind in LEVELS:
        assert not reserved & {field.name for field in fields(kind)}, kind


def sample(kind: type[Any]) -> Any:
    """An event of this class."""
    given = {"str": "text", "int": 7, "float": 0.5, "bool": True}
    return kind(**{field.name: given[str(field.type)] for field in fields(kind)})


@pytest.mark.parametrize("kind", LEVELS, ids=lambda kind: kind.__name__)
def test_an_event_is_a_line_of_its_name_with_its_fields(kind: type[Any]) -> None:
    """[O1] At its level, and below that it is none."""
    logger = logging.getLogger("motet")
    event = sample(kind)
    logger.setLevel(LEVELS[kind])
    with capture_logs() as lines:
        write_line(event)
    logger.setLevel(LEVELS[kind] + 1)
    with capture_logs() as none:
        write_line(event)
    logger.setLevel(logging.NOTSET)
    (line,) = lines
    assert none == []
    assert line.pop("event") == name_of(kind)
    assert line.pop("log_level") == logging.getLevelName(LEVELS[kind]).lower()
    assert line == {field.name: getattr(event, field.name) for field in fields(kind)}


def test_fields_that_say_nothing_are_left_out() -> None:
    """[O1] Zeros and falsehoods say something."""
    logging.getLogger("motet").setLevel(logging.INFO)
    with capture_logs() as lines:
        write_line(all_events.AccessRefused("", "a", "no token", 0, "", "::1"))
    logging.getLogger("motet").setLevel(logging.NOTSET)
    assert set(lines[0]) == {"event", "log_level", "room", "reason", "code", "address"}
    assert all_events.AccessRefused in AUDITED


# ---- requests


async def test_what_is_written_on_behalf_of_a_request_has_its_id_until_it_is_answered() -> None:
    """[O12] Tasks and timers that it began have it no longer then: the journal would have it for ever."""
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    async def begun() -> None:
        seen.append(current_request())
        await answered.wait()
        seen.append(current_request())
        loop.call_soon(lambda: seen.append(current_request()))
        await asyncio.sleep(0)

    with on_behalf_of("r1"):
        assert current_request() == "r1"
        task = asyncio.create_task(begun())
        await asyncio.sleep(0)
    assert current_request() == ""
    answered.set()
    await task
    assert seen == ["r1", "", ""]


def test_a_line_has_the_id_of_its_request() -> None:
    """[O12] Libraries' too."""
    code = """
from motet.observability import on_behalf_of
with on_behalf_of("r1"):
    log.info("a"); logging.getLogger("some.library").warning("b")
log.info("c")
"""
    assert [event.get("request") for event in logged("info", code)] == ["r1", "r1", None]


# ---- the level at run time


def test_the_level_changes_at_run_time_and_falls_back() -> None:
    """[O13] Loggers that were used before change too, and what may never be written is not."""
    code = """
import asyncio
library = logging.getLogger("some.library")
def say(word):
    log.debug(word); log.info(word); library.debug(word)
async def main():
    say("before")
    LOGS.set_level("debug", 0.1 / 60)
    assert LOGS.level == "debug"
    say("meanwhile")
    await asyncio.sleep(0.3)
    say("after")
    LOGS.set_level("debug", 10)
    LOGS.set_level("error")
    say("silent")
    LOGS.set_level("debug", 0.1 / 60)
    await asyncio.sleep(0.3)
    assert LOGS.level == "error"
asyncio.run(main())
"""
    assert [(event["event"], event["level"]) for event in logged("info", code)] == [
        ("before", "info"),
        ("meanwhile", "debug"),
        ("meanwhile", "info"),
        ("after", "info"),
    ]
