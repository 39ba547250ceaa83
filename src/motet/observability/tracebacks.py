"""Exceptions as text: where, and what as far as that is ours to tell. Never a local variable, never a value that was
being worked on: it may be somebody's document or token."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from traceback import format_tb
from typing import Final

from motet.errors import MotetError

FRAMES: Final = 30
"""Of each exception, the innermost."""
CHAIN: Final = 6
"""Exceptions that led to one another, and as many within one group."""
SPOKEN: Final = (
    MotetError,
    OSError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    MemoryError,
    NameError,
    NotImplementedError,
    RuntimeError,
    StopIteration,
    TypeError,
    sqlite3.Error,
)
"""Their messages speak of code and of the machine. Those of the others (ValueError, KeyError, whatever a library has of
its own) quote what could not be used, so that they are left out. UnicodeError and JSONDecodeError are ValueErrors."""
SHOWN: Final = 500
"""Characters of a message."""


def message_of(error: BaseException) -> str:
    """The message, if it is one that may be told: those of SPOKEN, and of exceptions of our own."""
    ours = type(error).__module__.startswith("motet.")
    return str(error)[:SHOWN] if ours or isinstance(error, SPOKEN) else ""


def told_of(error: BaseException) -> str:
    """The type, and the message if it may be told."""
    message = message_of(error)
    return f"{name_of_type(error)}: {message}" if message else name_of_type(error)


def name_of_type(error: BaseException) -> str:
    """The name of the exception's class, with its module unless it is a built-in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def chain_of(error: BaseException) -> list[BaseException]:
    """The exception and what led to it, the last first."""
    found: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in found and len(found) < CHAIN:
        found.append(step)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    return found


def traceback_of(error: BaseException) -> str:
    """As Python prints it, the exception itself last."""
    return "\n".join(_lines(error))


def _lines(error: BaseException) -> Iterator[str]:
    for step in reversed(chain_of(error)):
        if step.__traceback__ is not None:
            yield "Traceback (most recent call last):"
            yield "".join(format_tb(step.__traceback__, -FRAMES)).rstrip("\n")
        yield told_of(step)
        if isinstance(step, BaseExceptionGroup):
            for part in step.exceptions[:CHAIN]:
                yield from _lines(part)
        if step is not error:
            yield "which led to:"
