"""The socket of Hocuspocus providers 2.15, 3.4 and 4.8, as a server sees it; several documents share it.

Sources: @hocuspocus/provider 2.15.3, 3.4.4, 4.8.0 (HocuspocusProviderWebsocket.ts), @lifeomic/attempt. What they do
wrong they do here too: what could not be sent waits, and leaves after the next connection's first message; 3.4 may try
to connect by several roads at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from random import Random
from typing import Final

from motet import varint
from motet.simulation.client import (
    CHECK_SECONDS,
    GOING_AWAY,
    SILENCE_SECONDS,
    Client,
    NotUnderstood,
    Owner,
    Surroundings,
)
from motet.simulation.client_hocuspocus_provider import HocuspocusProvider
from motet.simulation.client_traits import HocuspocusTraits, Kind, Retries
from motet.simulation.device import Device
from motet.simulation.ports import Timer
from motet.sync import HOCUSPOCUS

_TARGET: Final = "/hocuspocus"

_PING_MESSAGE: Final = bytes((Kind.PING,))

_DELAY_SECONDS, _MAX_DELAY_SECONDS = 1.0, 30.0
_CLOSE_TRIES: Final = 2
"""So often a silent socket is asked to close before it is given up, 3 s apart."""

_UNAUTHORIZED, _FORBIDDEN, _TOO_BIG = 4401, 4403, 1009


class _Status(Enum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"


class _Retry:
    """One chain of attempts, each later than the last. Cancelled, it makes no further one."""

    def __init__(self) -> None:
        self.failures = 0
        self.cancelled = False


class HocuspocusClient(Client):
    """A HocuspocusProviderWebsocket with its providers, in a page."""

    providers: list[HocuspocusProvider]

    def __init__(
        self,
        traits: HocuspocusTraits,
        owner: Owner,
        devices: Sequence[Device],
        surroundings: Surroundings,
        rnd: Random,
    ) -> None:
        super().__init__(owner, surroundings, rnd)
        self.traits = traits
        self.stopped = False
        """It was told not to come back, and obeys."""
        self.providers = [HocuspocusProvider(self, device, rnd) for device in devices]
        self._status = _Status.DISCONNECTED
        self._retry: _Retry | None = None
        """The chain that a further `connect` cancels."""
        self._attempt: _Retry | None = None
        """The chain whose attempt has not brought a message yet."""
        self._reconnect: Timer | None = None
        self._opened = False
        self._heard_at: float | None = None
        self._close_tries = 0
        self._waiting: list[bytes] = []
        """What could not be sent. Bounded by what the user does without a connection, as in the real one."""

    # ---- the user

    def start(self) -> None:
        self._every(CHECK_SECONDS, self._check)
        self._connect()

    def stop(self) -> None:
        for provider in self.providers:
            provider.destroy()
        self._leave(1000)

    def close_page(self) -> None:
        for provider in self.providers:
            provider.hide()
        self._leave(GOING_AWAY)

    def _leave(self, code: int) -> None:
        self._end()
        self._cancel_reconnect()
        line, self._line = self._line, None
        if line is not None:
            line.forget(code)

    def reopen(self, device: Device) -> None:
        """The application takes a document up again that was denied, or closed by the server."""
        for provider in self.providers:
            if provider.device is device:
                provider.reattach()

    # ---- connecting

    def target(self) -> str:
        return _TARGET

    def attach(self, provider: HocuspocusProvider) -> None:
        """One of its documents comes back to it."""
        provider.listed = True
        if self._status is _Status.DISCONNECTED and not self.stopped:
            self._connect()
        if self._opened and (self._status is _Status.CONNECTED or not self.traits.connected_when_open):
            provider.opened()

    def _connect(self) -> None:
        if self._over or self._status is _Status.CONNECTED:
            return
        self._cancel_reconnect()
        if self._retry is not None:
            self._retry.cancelled = True
        self._opened = False
        self.stopped = False
        self._retry = _Retry()
        self._try(self._retry)

    def _cancel_reconnect(self) -> None:
        if self._reconnect is not None:
            self._reconnect.cancel()
            self._reconnect = None

    def _try(self, retry: _Retry) -> None:
        if self._over or self.stopped or retry.cancelled:
            return
        if self._line is not None:
            self._waiting.clear()
            self._line.forget()
            self._line = None
        self._heard_at = None
        self._set_status(_Status.CONNECTING)
        self._attempt = retry
        self._dial()

    def _failed(self, retry: _Retry) -> None:
        retry.failures += 1
        most = min(_DELAY_SECONDS * 2 ** (retry.failures - 1), _MAX_DELAY_SECONDS)
        self.timers.later(self._rnd.uniform(_DELAY_SECONDS, most), lambda: self._try(retry))

    def _set_status(self, status: _Status) -> None:
        self._status = status
        self.connected = status is _Status.CONNECTED

    # ---- the line

    def send(self, payload: bytes) -> None:
        """Now, or after the first message of the next connection."""
        if self._line is not None and self._line.open:
            self._line.send(payload)
        else:
            self._wait(payload)

    def _wait(self, payload: bytes) -> None:
        if self.traits.waits_with_newest and (head := _presence_head(payload)) is not None:
            self._waiting = [other for other in self._waiting if not other.startswith(head)]
        self._waiting.append(payload)

    def line_opened(self) -> None:
        self._opened = True
        if self.traits.connected_when_open:
            self._set_status(_Status.CONNECTED)
        if self.traits.retries is Retries.UNTIL_OPEN:
            self._retry = None
        for provider in self.providers:
            if provider.listed or not self.traits.detaches_wholly:
                provider.opened()

    def line_received(self, payload: bytes) -> None:
        self._first_message()
        self._heard_at = self.timers.now()
        if self.traits.knows_ping and payload == _PING_MESSAGE:
            self.send(HOCUSPOCUS.pong(""))
            return
        try:
            address, at = varint.read_bytes(payload, 0)
        except IndexError:
            raise NotUnderstood(f"{self.traits.name}: no address in {payload[:20].hex()}") from None
        for provider in self.providers:
            if provider.prefix == payload[:at]:
                provider.received(payload, at)
                return
        raise NotUnderstood(f"{self.traits.name}: nobody here is {address!r}")

    def _first_message(self) -> None:
        if self._attempt is None:
            return
        if self.traits.retries is Retries.UNTIL_MESSAGE:
            self._retry = None
        self._attempt = None
        self._set_status(_Status.CONNECTED)
        waiting, self._waiting = self._waiting, []
        for payload in waiting:
            self.send(payload)

    def on_closed(self, code: int) -> None:
        self._line_is_gone(code)
        for provider in self.providers:
            if provider.listed or not self.traits.detaches_wholly:
                provider.cut_off()

    def _line_is_gone(self, code: int) -> None:
        self._close_tries = 0
        line, self._line = self._line, None
        if line is not None:
            line.forget()
        if self.traits.retries is Retries.ALWAYS:
            self._reconnect_at_once(code)
        else:
            self._reconnect_later()

    def _reconnect_at_once(self, code: int) -> None:
        """2.15: by the code; without a delay when the connection had brought a message."""
        if self._status is _Status.CONNECTED:
            self._set_status(_Status.DISCONNECTED)
        if code == _FORBIDDEN:
            return  # "Will try again", it says
        self.stopped = self.stopped or code in (_UNAUTHORIZED, _TOO_BIG)
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._failed(attempt)
        elif not self.stopped:
            self._connect()
        if self.stopped:
            self._set_status(_Status.DISCONNECTED)

    def _reconnect_later(self) -> None:
        self._set_status(_Status.DISCONNECTED)
        # This timer before that of the chain, which a promise sets: at that moment the chain's attempt replaces this
        # one, and so 3.4's chains live on and multiply.
        if self._retry is None and not self.stopped:
            timer = self.timers.later(_DELAY_SECONDS, self._connect)
            if self.traits.has_one_reconnect:
                self._reconnect = timer
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._failed(attempt)

    def _check(self) -> None:
        if self._status is not _Status.CONNECTED or self._heard_at is None:
            return
        if self.timers.now() - self._heard_at <= SILENCE_SECONDS:
            return
        self._close_tries += 1
        if self._close_tries > _CLOSE_TRIES:
            self._line_is_gone(0)  # the documents are not told
        elif self._line is not None:
            self._line.close()
            self._waiting.clear()


def _presence_head(payload: bytes) -> bytes | None:
    """Address and type of a message about presence."""
    _, at = varint.read_bytes(payload, 0)
    return payload[: at + 1] if payload[at] in (Kind.AWARENESS, Kind.QUERY_AWARENESS) else None
