"""Named events: what components tell, once, to whoever listens. No event holds a token or a document's content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccessGranted:
    """Somebody was let into a room."""

    user: str
    room: str
    role: str
    dialect: str
    address: str
    token_id: str


@dataclass(frozen=True, slots=True)
class AccessRefused:
    """Somebody was not let in. The user is "" where nobody was recognised."""

    user: str
    room: str
    reason: str
    code: int
    dialect: str
    address: str


@dataclass(frozen=True, slots=True)
class AccessEnded:
    """Somebody who was in had to go: the grant expired or was revoked, the role was taken away, the room was deleted,
    or the server sent them away for what they did."""

    user: str
    room: str
    reason: str
    code: int
    dialect: str
    address: str


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Somebody who is in may do other things from now on."""

    user: str
    room: str
    before: str
    role: str
    address: str


@dataclass(frozen=True, slots=True)
class EditRefused:
    """An edit was not taken; told once for each reason while its author is in."""

    user: str
    room: str
    reason: str
    address: str


@dataclass(frozen=True, slots=True)
class Ruled:
    """An administrator decided something; `act`: revoke_user, revoke_token, revoke_room, set_role, delete_room,
    recreate_room."""

    by: str
    act: str
    subject: str
    room: str
    role: str
    address: str


AuditEvent = AccessGranted | AccessRefused | AccessEnded | RoleChanged | EditRefused | Ruled

Observer = Callable[[AuditEvent], None]
"""Who listens. It must not raise and must not wait."""
