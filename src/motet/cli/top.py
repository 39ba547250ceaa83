"""`motet top`: a running server and its busiest rooms, live in a terminal."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Annotated, TypeVar

import httpx
import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from motet.api.models import Order, Rooms, Status
from motet.api.problems import Problem
from motet.cli.output import printable, table_console
from motet.errors import ConfigError, Forbidden, MotetError, NotAuthenticated, Unavailable
from motet.rooms import RoomSummary

EVERY = 1.0
"""Seconds between two looks."""
SECONDS = 5.0
"""For an answer."""
HEAD = 6
"""Lines above the rooms, their titles too, and the one below."""
MAX_ROOMS = 200
"""That the server lists."""

Answer = TypeVar("Answer", bound=BaseModel)


class Operator:
    """Asks a server, by the bearer of an administrator's token. The token is in no message."""

    def __init__(self, url: str, token: str) -> None:
        """Raises ConfigError for what is no address, or no token."""
        try:
            self._url = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as e:
            raise ConfigError(f"{url!r} is no address: {e}") from None
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ConfigError(f"{url!r} must begin with http:// or https://")
        if self._url.userinfo:
            raise ConfigError("the address must not hold a user or password: it is shown, and takes the token's place")
        token = token.strip()
        if not token:
            raise ConfigError(
                "there is no token to show: set MOTET_TOKEN to what `motet token --user NAME --room '**=admin'` prints"
            )
        if not (token.isascii() and token.isprintable()):  # or the header's error would quote it
            raise ConfigError("the token has characters that no token has")
        self._client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS)

    def status(self) -> Status:
        """How the server is. Raises NotAuthenticated, Forbidden, Unavailable."""
        return self._get("status", Status)

    def rooms(self, by: Order, top: int) -> Rooms:
        """The rooms with the most of what `by` names. Raises as `status` does."""
        return self._get(f"rooms?by={by}&top={top}", Rooms)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _get(self, path: str, kind: type[Answer]) -> Answer:
        try:
            response = self._client.get(f"{self._url}/api/v1/{path}")
        except httpx.TimeoutException:
            raise Unavailable(f"{self._url} does not answer within {SECONDS:g} s") from None
        except httpx.HTTPError as e:
            raise Unavailable(f"cannot reach {self._url}: {printable(str(e))}") from None
        if response.status_code != httpx.codes.OK:
            raise _refusal(response)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError:
            raise Unavailable(f"what answers at {self._url} is no Motet of this version") from None


def _refusal(response: httpx.Response) -> MotetError:
    try:
        detail = printable(Problem.model_validate_json(response.content).detail)
    except ValidationError:
        return Unavailable(f"what answers at {response.url} is no Motet: HTTP {response.status_code}")
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return NotAuthenticated(f"the server does not take this token: {detail}")
    if response.status_code == httpx.codes.FORBIDDEN:
        return Forbidden(f"the token is no administrator's of all rooms ('**=admin'): {detail}")
    return Unavailable(f"the server answers {response.status_code}: {detail}")


def top(
    url: Annotated[str, typer.Argument(help="the server's address")] = "http://127.0.0.1:8000",
    token: Annotated[
        str, typer.Option(envvar="MOTET_TOKEN", help="an administrator's ('**=admin')", show_default=False)
    ] = "",
    by: Annotated[Order, typer.Option(help="what the rooms are sorted by, the most first")] = "rate",
    once: Annotated[bool, typer.Option("--once", help="print it once and end, as without a terminal")] = False,
) -> None:
    """Watch a running server: how it is, and its busiest rooms, every second. Ctrl-C ends it."""
    operator = Operator(url, token)
    console = table_console()
    try:
        if once or not console.is_terminal:
            console.print(picture(operator.status(), operator.rooms(by, MAX_ROOMS)))
        else:
            _watch(operator, by, console)
    except KeyboardInterrupt:
        pass
    finally:
        operator.close()


def _watch(operator: Operator, by: Order, console: Console) -> None:
    """Raises what is wrong with the first look, or with the token; a server that is away is waited for."""
    shown = operator.status(), operator.rooms(by, _room_for(console))
    with Live(picture(*shown), console=console, screen=True, auto_refresh=False) as live:
        seen = time.monotonic()
        while True:
            time.sleep(EVERY)
            problem = ""
            try:
                shown = operator.status(), operator.rooms(by, _room_for(console))
                seen = time.monotonic()
            except Unavailable as e:
                problem = f"{e}; as it was {time.monotonic() - seen:.0f} s ago"
            live.update(picture(*shown, problem=problem), refresh=True)


def _room_for(console: Console) -> int:
    return max(1, min(MAX_ROOMS, console.height - HEAD))


def picture(status: Status, rooms: Rooms, problem: str = "") -> Group:
    """The server in four lines, and a line for each room."""
    first = Text(problem, "bold red") if problem else _health(status)
    rest = rooms.loaded - len(rooms.rooms)
    below = f"and {rest} more" if rest > 0 else "" if rooms.rooms else "no room is loaded"
    return Group(first, *_totals(status), _table(rooms.rooms), Text(below))


def _health(status: Status) -> Text:
    up = timedelta(seconds=int(status.now - status.started))
    told = Text(f"motet {status.version}, up {up}, ")
    if status.ready:
        told.append("ready", "green")
    else:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in status.reasons.items())
        told.append(f"not ready: {printable(reasons)}", "bold red")
    for found, words in (
        (status.divergences, f"divergences: {status.divergences}"),
        (status.exceptions, f"exceptions: {status.exceptions}"),
        (status.keys_failing, "the keys of tokens cannot be fetched"),
    ):
        if found:
            told.append(f", {words}", "bold red")
    return told


def _totals(status: Status) -> list[Text]:
    now = status.totals
    lines = (
        f"{now.connections} connections, {now.people} people, {now.members} members, {now.behind} behind, "
        f"slowed {now.slowed} times",
        f"{now.updates_per_second:,.1f} updates/s, {decimal(int(now.bytes_in_per_second))}/s in, "
        f"{decimal(now.journal_bytes)} wait for the disk, loop lag {_time(now.loop_lag)}",
        f"to peers p50 {_time(now.peer_p50)} p99 {_time(now.peer_p99)}, "
        f"to disk p50 {_time(now.durable_p50)} p99 {_time(now.durable_p99)}",
    )
    return [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]


def _table(rooms: list[RoomSummary]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    table.add_column("room")  # the only one that may become narrower; its cells are cut, not broken
    for title in ("people", "behind", "edits/s", "size", "seq", "log rows", "to disk", "idle"):
        table.add_column(title, justify="right", no_wrap=True)
    for room in rooms:
        table.add_row(
            Text(printable(room.room), no_wrap=True, overflow="ellipsis"),
            *(str(room.people), str(room.behind), f"{room.rate:,.1f}"),
            *(decimal(room.bytes), str(room.seq), str(room.log_rows), _time(room.lag)),
            "suspended" if room.suspended else "" if room.idle is None else str(timedelta(seconds=int(room.idle))),
            style="red" if room.suspended else "yellow" if room.behind else "",
        )
    return table


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"
