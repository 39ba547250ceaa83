"""The gateway's limits: each with a name, a unit and a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KIB, MIB = 1 << 10, 1 << 20


def _peer_itself(peer: str, forwarded_for: str | None) -> str:
    return peer


def _nobody(peer: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where to listen. `tls_cert` and `tls_key` are PEM files and come together."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes a free one."""
    uds: Path | None = None
    """A unix socket instead of host and port."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    root_path: str = ""
    """The path prefix under which a proxy serves us, "/like/this"; requests may come with it or without."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Sizes are bytes and times are seconds unless the name says otherwise."""

    max_head_bytes: int = 16 * KIB
    """One request's line and headers; beyond it HTTP 431."""
    max_headers: int = 100
    head_seconds: float = 10.0
    """From the connection (or the first byte, on one kept alive) to the whole head; then it is closed."""
    max_heads: int = 1024
    """Sockets that have not sent a whole head yet; beyond it the oldest is closed."""
    accept_seconds: float = 10.0
    """For the application to answer an upgrade; then HTTP 503."""
    max_accepting: int = 1024
    """Upgrades that wait for their answer; beyond it HTTP 503."""
    max_connections: int = 20_000
    """Open WebSockets; beyond it HTTP 503."""
    max_connections_per_address: int = 5000
    """Open WebSockets of one IP address; beyond it HTTP 429. Unix sockets have no address and no such limit."""
    client_of: Callable[[str, str | None], str] = _peer_itself
    """The client's address, from the peer's ("unix" where it has none) and the request's X-Forwarded-For."""

    is_proxy: Callable[[str], bool] = _nobody
    """Whether a peer's word about a request's id is believed."""

    max_message_bytes: int = 64 * MIB + 64 * KIB
    """One message, whole or in fragments; beyond it `Connection.oversized`."""
    max_pending_bytes: int = 256 * KIB
    """The same, while nobody has signed in; about what such a socket holds of a message under way, too."""
    max_pending_connections: int = 1000
    """Sockets that nobody has signed in on; beyond it the oldest is closed with 1013."""
    read_buffer_bytes: int = MIB
    """A read buffer that outgrew this is given back as soon as it is empty."""
    high_water_bytes: int = 256 * KIB
    """Write buffer above which `Connection.congested` is called; `drained` follows at a quarter of it."""
    ping_seconds: float = 30.0
    """Silence after which a ping is sent."""
    pong_seconds: float = 10.0
    """Silence after a ping before the socket is taken for dead."""
    close_seconds: float = 5.0
    """For the peer to answer a CLOSE, and to take what is still in the write buffer."""
    sweep_seconds: float = 1.0
    """How often all sockets are looked after; the precision of the times above."""

    hold_seconds: float = 25.0
    """How long a refused client that came back is held before it is closed again; under the 30 s after which
    y-websocket hangs up by itself, and long enough for at most four attempts a minute."""
    hold_window_seconds: float = 60.0
    """A refusal of the same key within this time is a repetition."""
    max_held: int = 1000
    """Held sockets, each about 16 KiB; beyond it HTTP 429."""
    max_hold_keys: int = 10_000
    """Remembered keys; beyond it the oldest is forgotten, which costs one quick refusal more."""

    drain_seconds: float = 5.0
    """Over which connections are sent away at a stop, when there are many."""

    @property
    def max_frame_bytes(self) -> int:
        """One frame: somewhat more than a message, and one that is too long is still read, so that its beginning (whose
        it is) can be told."""
        return self.max_message_bytes + min(16 * self.max_message_bytes, 4 * MIB)
