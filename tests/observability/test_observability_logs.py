"""Logs, as the process writes them: each test is a process of its own, for logging is configured once in each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

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


def test_an_event_is_one_line_of_json_with_its_fields_level_and_time() -> None:
    """On standard error, whatever is in it."""
    (event,) = logged("info", "log.info('served', room='a\\nb ü', bytes=3)")
    assert event["event"] == "served"
    assert event["room"] == "a\nb ü"
    assert event["bytes"] == 3
    assert event["level"] == "info"
    assert event["timestamp"].endswith("Z")


def test_a_failure_is_logged_with_its_traceback_on_the_same_line() -> None:
    """Ours, and those of libraries."""
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
    """Neither ours nor what libraries have to say."""
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
