"""The error tree. Each class has a wire code (a WebSocket close code), the HTTP status that says the same, a scope (how
far it spreads) and a next move.

Codes 4400-4499 are permanent (y-websocket 3.1 stops reconnecting on them); 45xx, 1012 and 1013 are transient.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import ClassVar


class Scope(Enum):
    """How far an error spreads. It never spreads to another peer."""

    MESSAGE = "message"
    ROOM = "room"
    CONNECTION = "connection"


class NextMove(Enum):
    """What the client should do about it."""

    RESYNC = "send sync step 2: what the server lacks"
    RECONNECT = "reconnect, with jitter"
    LATER = "try again later"
    SIGN_IN = "come back with a fresh token"
    STOP = "do not try again unchanged"


class MotetError(Exception):
    """Any error that Motet raises on purpose. The message is safe to show to the peer that caused it."""

    code: ClassVar[int] = 4500
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    scope: ClassVar[Scope] = Scope.CONNECTION
    next_move: ClassVar[NextMove] = NextMove.LATER

    @property
    def permanent(self) -> bool:
        """Coming back unchanged will not help (codes 4400-4499)."""
        return 4400 <= self.code < 4500


class ProtocolViolation(MotetError):
    """Bytes that are no message of the dialect, or a message that its state does not allow."""

    code = 4400
    status = HTTPStatus.BAD_REQUEST
    next_move = NextMove.STOP


class MalformedUpdate(MotetError):
    """Bytes that are no Yjs update, or one that contradicts what is known. Nothing was changed."""

    code = 4400
    status = HTTPStatus.BAD_REQUEST
    scope = Scope.MESSAGE
    next_move = NextMove.RESYNC


class IdConflict(MalformedUpdate):
    """Ids that are known arrived with other content: two replicas share a client id (`id_conflict` on the wire)."""

    status = HTTPStatus.CONFLICT
    next_move = NextMove.STOP


class NotAuthenticated(MotetError):
    """No grant, or one that has ended."""

    code = 4401
    status = HTTPStatus.UNAUTHORIZED
    next_move = NextMove.SIGN_IN


class Forbidden(MotetError):
    """The grant does not allow it."""

    code = 4403
    status = HTTPStatus.FORBIDDEN
    scope = Scope.ROOM
    next_move = NextMove.STOP


class RoomDeleted(MotetError):
    """The room was deleted and its name is not reused."""

    code = 4404
    status = HTTPStatus.NOT_FOUND
    scope = Scope.ROOM
    next_move = NextMove.STOP


class OverQuota(MotetError):
    """A room, document, message or number of members over its limit; the message names the limit."""

    code = 4413
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    scope = Scope.ROOM
    next_move = NextMove.STOP


class RateLimited(MotetError):
    """More than the limit allows for now; the message names the limit."""

    code = 4529
    status = HTTPStatus.TOO_MANY_REQUESTS
    next_move = NextMove.LATER


class TryLater(MotetError):
    """The server or the room is full for now, or the member was too slow to follow."""

    code = 1013
    status = HTTPStatus.SERVICE_UNAVAILABLE
    next_move = NextMove.LATER


class Kicked(TryLater):
    """An administrator ended this membership. Its user may come back."""

    scope = Scope.ROOM


class Restarting(MotetError):
    """The server is going away and will be back."""

    code = 1012
    status = HTTPStatus.SERVICE_UNAVAILABLE
    next_move = NextMove.RECONNECT


class Unavailable(MotetError):
    """The store cannot be read or written now. Unreadable is never absent: nothing is known about the room."""

    code = 4503
    status = HTTPStatus.SERVICE_UNAVAILABLE
    scope = Scope.ROOM
    next_move = NextMove.LATER


class StoreCorrupt(Unavailable):
    """What the store holds fails its checksum, has a gap or does not load."""


class StoreInUse(MotetError):
    """Another process serves this data directory."""


class StoreTooNew(MotetError):
    """The data were written by a newer version of Motet."""


class ConfigError(MotetError):
    """Settings that cannot be served with; the message says what to do."""


class DocumentFailed(MotetError):
    """A view or an edit of a document failed, timed out or crashed in its worker; the room lives on."""

    scope = Scope.MESSAGE
