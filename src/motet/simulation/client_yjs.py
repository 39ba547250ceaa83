"""y-websocket 1.5, 2.1 and 3.1, as a server sees them.

Sources: y-websocket 1.5.4, 2.1.0, 3.1.0 (src/y-websocket.js), y-protocols 1.0.7. The BroadcastChannel between the tabs
of one browser is left out: it goes behind the server's back.
"""

from __future__ import annotations

from random import Random
from typing import Final
from urllib.parse import quote

from motet import varint
from motet.simulation.client import (
    CHECK_SECONDS,
    GOING_AWAY,
    SILENCE_SECONDS,
    Client,
    NotUnderstood,
    Owner,
    Provider,
    Surroundings,
)
from motet.simulation.client_traits import YjsTraits
from motet.simulation.device import Device, Edit
from motet.sync import YJS, Awareness, QueryAwareness, SyncStep1, SyncStep2, Update

_AUTH: Final = 2
_PERMISSION_DENIED: Final = 0

_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.1, 2.5

_KEPT_IN_PATHS: Final = "/!$%&'()*+,:;=@[]|~"
"""A browser leaves these in an address's path as they are, "%" too; y-websocket puts the room's name there as it is."""
_KEPT_IN_COMPONENTS: Final = "!'()*~"
"""JavaScript's encodeURIComponent, which lib0 writes parameters with, leaves these."""


class YjsProvider(Provider):
    """The only document of its client."""

    client: YjsClient

    def updated(self, edit: Edit, update: bytes) -> None:
        self.client.send(YJS.update("", update))

    def awareness_changed(self, clients: list[int], *, by_provider: bool) -> None:
        # Whoever changed it: what comes from the server goes back to it, as soon as it has changed something here.
        self.client.send(YJS.awareness("", self.awareness.encode(clients)))


class YjsClient(Client):
    """A WebsocketProvider in a page."""

    def __init__(
        self, traits: YjsTraits, owner: Owner, device: Device, surroundings: Surroundings, rnd: Random
    ) -> None:
        super().__init__(owner, surroundings, rnd)
        self.traits = traits
        self.provider = YjsProvider(self, device)
        self.providers = (self.provider,)
        self.stopped = False
        """It was told not to come back, and obeys."""
        self._failures = 0
        self._heard_at = 0.0

    def start(self) -> None:
        self._every(CHECK_SECONDS, self._check)
        self._set_up()

    def stop(self) -> None:
        awareness = self.provider.awareness
        self.send(YJS.awareness("", awareness.encode([awareness.client], gone=True)))
        self._leave(1000)

    def close_page(self) -> None:
        self._leave(GOING_AWAY)

    def _leave(self, code: int) -> None:
        self._end()
        self.provider.awareness.destroy()
        self._hang_up(code)

    def _hang_up(self, code: int) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.forget(code)

    def target(self) -> str:
        token = self.owner.token()
        path = f"/ws/{quote(self.provider.device.room, safe=_KEPT_IN_PATHS)}"
        return f"{path}?token={quote(token, safe=_KEPT_IN_COMPONENTS)}" if token else path

    def send(self, payload: bytes) -> None:
        """Only while it is connected: nothing waits for a connection."""
        if self._line is not None and self.connected:
            self._line.send(payload)

    def _set_up(self) -> None:
        if not self._over and not self.stopped and self._line is None:
            self.provider.synced = False
            self._dial()

    def line_opened(self) -> None:
        self._heard_at = self.timers.now()
        self.connected = True
        if not self.traits.backs_off_after_close:
            self._failures = 0
        self.provider.denied_reason = None
        self.send(YJS.sync_step1("", self.provider.device.state_vector()))
        awareness = self.provider.awareness
        if awareness.local is not None:
            self.send(YJS.awareness("", awareness.encode([awareness.client])))

    def line_received(self, payload: bytes) -> None:
        self._heard_at = self.timers.now()
        provider, device = self.provider, self.provider.device
        if payload[0] == _AUTH:
            self.notices.heard(device, payload, None)
            self._read_auth(payload)
            return
        messages = YJS.decode(payload)
        if not messages:
            raise NotUnderstood(f"{self.traits.name}: unable to compute message {payload[:20].hex()}")
        message = messages[0]
        update = message.data if isinstance(message, Update | SyncStep2) else None
        self.notices.heard(device, payload, update)
        match message:
            case Update(_, data):
                device.apply(data)
            case SyncStep2(_, data):
                device.apply(data)
                self._failures = 0 if self.traits.backs_off_after_close else self._failures
                provider.synced = True
            case SyncStep1(_, state_vector):
                self.send(YJS.sync_step2("", device.update_since(state_vector)))
            case Awareness(_, data):
                provider.awareness.apply(data)
            case QueryAwareness():
                self.send(YJS.awareness("", provider.awareness.encode(provider.awareness.states)))

    def _read_auth(self, payload: bytes) -> None:
        kind, at = varint.read(payload, 1)
        if kind == _PERMISSION_DENIED:
            self.provider.denied(varint.read_bytes(payload, at)[0].decode())

    def on_closed(self, code: int) -> None:
        if self.traits.backs_off_after_close or not self.connected:
            self._failures += 1
        if self.connected:
            self.connected = False
            self.provider.synced = False
            self.provider.awareness.remove_others()
        if self.traits.obeys_codes and 4400 <= code < 4500:
            self.stopped = True
        self.timers.later(min(2**self._failures * _BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS), self._set_up)

    def _check(self) -> None:
        if self.connected and self.timers.now() - self._heard_at > SILENCE_SECONDS and self._line is not None:
            if self.traits.waits_for_close:
                self._line.close()
            else:
                self._hang_up(1000)
                self.on_closed(0)
