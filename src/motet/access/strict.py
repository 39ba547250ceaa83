"""JSON from outside, parsed strictly: no field twice, no number that is none, no type that is only like another."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from motet.access.patterns import parsed

MAX_TEXT: Final = 256
"""Bytes of UTF-8 of a user id, a name or a token's id."""
MAX_TIME: Final = 253_402_300_799
"""Seconds since the epoch: the end of the year 9999. What is later is no date that anybody meant."""
SHOWN: Final = 200
"""Characters of a reason. It quotes what was sent."""

_COLOR = re.compile(r"#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,32}|(?:rgb|hsl)a?\([0-9.,%/ deg]{1,48}\)")


def _text(value: str) -> str:
    if any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("control characters")
    if len(value.encode()) > MAX_TEXT:
        raise ValueError(f"more than {MAX_TEXT} bytes")
    return value


def _pattern(value: str) -> str:
    return parsed(value).text


def _color(value: str) -> str:
    if not _COLOR.fullmatch(value):
        raise ValueError("no colour: #rgb, #rrggbb, a name, rgb() or hsl()")
    return value


def _attributes(value: dict[str, str]) -> dict[str, str]:
    if "color" in value:
        _color(value["color"])
    return value


Text = Annotated[str, Field(min_length=1), AfterValidator(_text)]
PatternText = Annotated[str, AfterValidator(_pattern)]
Color = Annotated[str, AfterValidator(_color)]
"""Harmless wherever a page puts it: in a style attribute, a style sheet, markup."""
Attributes = Annotated[dict[str, str], AfterValidator(_attributes)]
Time = Annotated[float, Field(ge=0, le=MAX_TIME, allow_inf_nan=False)]
"""Seconds since the epoch."""


class Strict(BaseModel):
    """A JSON object whose fields are of their very types. Fields of other names are somebody else's."""

    model_config = ConfigDict(strict=True, frozen=True)


S = TypeVar("S", bound=Strict)


def parse(model: type[S], data: bytes) -> S:
    """The object that UTF-8 JSON holds. Raises ValueError with a reason of at most SHOWN characters."""
    try:
        return model.model_validate(json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_number))
    except ValidationError as e:
        problem = e.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"] if part != "[key]")
        said = problem["msg"].removeprefix("Value error, ")
        reason = f"{where}: {said}" if where else said
        raise ValueError(reason[:SHOWN]) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):  # which of the two is meant, parsers disagree about
        raise ValueError("a field is there twice")
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
