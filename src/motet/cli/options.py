"""Settings as command line options: each field of `Settings` is an option of the same name, described once, there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

import typer

from motet.config import Settings, load

Given = dict[str, Any]
"""Settings by name, as the command line gave them; None for those that it did not give."""

FILE_ONLY = frozenset({"templates", "roles", "lanes", "secret"})
"""Settings that are no single value (in the settings file, or JSON in the environment), and the one that every user of
the machine could read in the list of processes."""


def _option(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    kind: Any = field.annotation
    if isinstance(kind, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is tuple:
        kind = str  # words with commas between them
    flag = f"--{name.replace('_', '-')}"
    flags = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
    default = f"; default {field.default}" if field.default not in (None, "", False, ()) else ""
    option = typer.Option(flags, help=f"{field.description} [MOTET_{name.upper()}{default}]", show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def with_settings(*names: str) -> Callable[[Callable[[Settings, Given], None]], Callable[..., None]]:
    """A command that takes these settings as options (all of them when none is named), and gets them whole."""
    chosen = names or tuple(name for name in Settings.model_fields if name not in FILE_ONLY)

    def decorate(command: Callable[[Settings, Given], None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            command(load(given), given)

        parameters = [_option(name) for name in chosen]
        run.__doc__ = command.__doc__
        run.__name__ = command.__name__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def data_directory(data: Path | None) -> Path:
    """The data directory that a command works on: the option, else what the settings say."""
    return load({"data": data}).data


Data = Annotated[Path | None, typer.Option("--data", help="data directory [env MOTET_DATA]", show_default=False)]
"""The option that most commands share."""
