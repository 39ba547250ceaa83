"""What one connection has announced, and so what it may be sent."""

from __future__ import annotations

from motet.sync.messages import Auth, Message, SyncStep1


class Session:
    """The part of a connection's state that belongs to the protocol.

    Hocuspocus providers announce their version since 4.0, in the Auth message of each document. What came before throws
    on messages it does not know: 2.15 on CLOSE, 2.15 and 3.4 on a Ping, which takes a Node client down. A y-websocket
    client announces nothing and may be sent neither.
    """

    __slots__ = ("_announced",)

    def __init__(self) -> None:
        # Bounded by the connection's limit of rooms: a document is noted when it is admitted, not when it is named.
        self._announced: set[str] = set()

    @staticmethod
    def opens(message: Message) -> bool:
        """Whether a message may open its document; others to a document that is not open are passed over.

        Provider 2.15 without a token sends no Auth: sync step 1 is its first word. And when it is destroyed its last
        word is an awareness update *after* CLOSE, which must not open the document again.
        """
        return isinstance(message, Auth | SyncStep1)

    def admitted(self, auth: Auth) -> None:
        """Notes what an accepted Auth announced."""
        if auth.version:
            self._announced.add(auth.document)

    def left(self, document: str) -> None:
        """Forgets a document that the client or the server closed."""
        self._announced.discard(document)

    def accepts_close(self, document: str) -> bool:
        """Whether CLOSE may be sent for this document."""
        return document in self._announced

    def must_be_queried(self, document: str) -> bool:
        """Whether the client says what was changed in its awareness only when asked for it (`query_awareness`).

        Provider 4.8 passes over changes that came from the server, even of its own state; 2.15 and 3.4 send them.
        """
        return document in self._announced

    def accepts_ping(self) -> bool:
        """Whether a Ping may be sent on this connection; a browser's WebSocket pings are not visible to its page."""
        return bool(self._announced)
