"""What the operators' routes answer."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from motet.observability import Refusal
from motet.persistence import RowInfo
from motet.rooms import MemberInfo, PresenceInfo, RoomDetail, RoomSummary, SnapshotInfo

Order = Literal["rate", "people", "bytes", "behind", "lag"]
"""What rooms can be listed by."""
Top = Annotated[int, Query(ge=1, le=200)]
"""How many are listed."""


MAX_STATE = 1000
"""Characters of a presence state that are shown."""
MAX_DEPTH = 100
"""Lists and objects in it; with more it may be too deep for whoever reads it."""


class Totals(BaseModel):
    """The whole server in numbers; rates over the last seconds, latencies and `slowed` over the last minute."""

    connections: int
    people: int
    members: int
    rooms: int
    behind: int
    updates_per_second: float
    bytes_in_per_second: float
    journal_bytes: int
    loop_lag: float
    peer_p50: float | None
    peer_p99: float | None
    durable_p50: float | None
    durable_p99: float | None
    slowed: int


class Status(BaseModel):
    """How the server is. Divergences and exceptions are those since its start."""

    version: str
    started: float
    now: float
    ready: bool
    reasons: dict[str, str]
    """Why it is not ready: a sentence for each name."""
    since: dict[str, float]
    """When each began, in seconds since the epoch."""
    totals: Totals
    divergences: int
    exceptions: int
    keys_failing: bool


class Rooms(BaseModel):
    """The loaded rooms with the most of something."""

    loaded: int
    rooms: list[RoomSummary]


class Tick(Status, Rooms):
    """What a stream says every second."""


class Present(BaseModel):
    """An entry of the roster. The state is as the others see it; where it is long, or no JSON that everybody reads, it
    is a string with its beginning."""

    client: int
    user: str
    state: JsonValue

    @classmethod
    def of(cls, entry: PresenceInfo) -> Present:
        """What a stranger says of itself, so that whoever looks can read it."""
        return cls(client=entry.client, user=entry.user, state=_shown(entry.state))


def _shown(state: str) -> JsonValue:
    if len(state) > MAX_STATE:
        return f"{state[:MAX_STATE]}…"
    if state.count("[") + state.count("{") > MAX_DEPTH:
        return state
    try:
        value: JsonValue = json.loads(state)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # half a character has no bytes
    except ValueError:
        return state
    return value


class OneRoom(BaseModel):
    """A room in numbers, and who and what is in it."""

    room: str
    loaded: bool
    people: int
    rate: float
    bytes: int
    seq: int
    log_rows: int
    behind: int
    lag: float | None
    idle: float | None
    suspended: bool
    members: list[MemberInfo]
    presence: list[Present]
    refusals: list[Refusal]
    log: list[RowInfo]
    snapshot: SnapshotInfo | None

    @classmethod
    def of(cls, detail: RoomDetail) -> OneRoom:
        """The same, flat."""
        summary = {field.name: getattr(detail.summary, field.name) for field in fields(detail.summary)}
        return cls(
            **summary
            | {
                "loaded": detail.loaded,
                "members": detail.members,
                "presence": [Present.of(entry) for entry in detail.presence],
                "refusals": detail.refusals,
                "log": detail.log,
                "snapshot": detail.snapshot,
            }
        )


class Hash(BaseModel):
    """The exact state of a document: SHA-256 of Yjs's `encodeSnapshot`, and the state vector that it was taken at."""

    model_config = ConfigDict(extra="forbid")

    hash: str
    state_vector: dict[int, int]
    seq: int


class LogLevel(BaseModel):
    """The least level that is logged, for so many minutes (0: until it is set again)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"level": "debug", "minutes": 10}]})

    level: Literal["debug", "info", "warning", "error"]
    minutes: float = Field(10.0, ge=0.0, le=1440.0)
