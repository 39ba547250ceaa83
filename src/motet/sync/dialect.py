"""What every dialect can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from motet.sync.messages import Message


class Dialect(Protocol):
    """One way of writing the protocol down. Stateless: one object serves every connection.

    Encoders return the payload of one binary WebSocket message. Those that return None cannot be said in that dialect.
    """

    @property
    def name(self) -> str:
        """How settings, logs and metrics call it."""

    def decode(self, payload: bytes) -> Sequence[Message]:
        """What one binary WebSocket message says: nothing for message types that are not for a server.

        Takes time linear in the payload. Bytes after a message's last field are ignored, as every client does: that is
        how a field is added (the provider's version came so). Raises ProtocolViolation for bytes that are no message.
        """

    def update(self, document: str, data: bytes) -> bytes:
        """Changes for the client to apply."""

    def sync_step1(self, document: str, state_vector: bytes) -> bytes:
        """What the server has; the client answers with the rest, as sync step 2."""

    def sync_step2(self, document: str, data: bytes) -> bytes:
        """The answer to a sync step 1. The first one makes a provider say "synced"."""

    def sync_step2_head(self, document: str, size: int) -> bytes:
        """What comes before the data of a sync step 2 of so many bytes: a large answer is shared, not copied."""

    def awareness(self, document: str, data: bytes) -> bytes:
        """An awareness update for the client to apply."""

    def query_awareness(self, document: str) -> bytes | None:
        """Asks the client for the states it knows. None where clients say by themselves what changed in theirs."""

    def sync_status(self, document: str, ok: bool) -> bytes | None:
        """One Update or SyncStep2 is on disk, or was refused."""

    def authenticated(self, document: str, readonly: bool) -> bytes | None:
        """The token was accepted, with this scope."""

    def denied(self, document: str, reason: str) -> bytes | None:
        """Access to the room is refused."""

    def token_request(self, document: str) -> bytes | None:
        """Asks for a fresh token."""

    def stateless(self, document: str, payload: str) -> bytes | None:
        """A message of the application to one client."""

    def close(self, document: str, reason: str) -> bytes | None:
        """The server ends this document; the socket stays."""

    def ping(self, document: str) -> bytes | None:
        """Asks for a `Pong`."""

    def pong(self, document: str) -> bytes | None:
        """The answer to a `Ping`."""
