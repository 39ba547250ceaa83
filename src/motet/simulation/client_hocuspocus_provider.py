"""A document of a Hocuspocus provider 2.15, 3.4 or 4.8, as a server sees it.

Sources: @hocuspocus/provider 2.15.3, 3.4.4, 4.8.0 (HocuspocusProvider.ts, MessageReceiver.ts) and common (auth.ts).
`pagehide` is a browser's, the rest is the same in Node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Final

from motet import varint
from motet.simulation.client import NotUnderstood, Provider
from motet.simulation.client_traits import Kind
from motet.simulation.device import Device, Edit
from motet.sync import HOCUSPOCUS

if TYPE_CHECKING:
    from motet.simulation.client_hocuspocus import HocuspocusClient

TOKEN_SECONDS: Final = 0.02
"""An application's token function asks its own server. The first words wait for it; edits do not."""


_STEP1, _STEP2 = range(2)
_TOKEN, _DENIED, _AUTHENTICATED = range(3)


class HocuspocusProvider(Provider):
    """One document."""

    client: HocuspocusClient

    def __init__(self, client: HocuspocusClient, device: Device, rnd: Random) -> None:
        super().__init__(client, device)
        session = f"\0{rnd.getrandbits(52):011x}" if client.traits.sessions else ""
        self.address = device.room + session
        self.prefix = varint.write_bytes(self.address.encode())
        """What every message of this document begins with."""
        self.listed = True
        """Its socket passes messages on to it."""
        self.scope = ""
        """What the server said that it may do."""
        self._attached = True
        """What it says is sent, or waits."""

    # ---- what it says

    def _send(self, payload: bytes) -> None:
        if self._attached:
            self.client.send(payload)

    def updated(self, edit: Edit, update: bytes) -> None:
        self.device.unsaved.append(edit)
        self.unsynced += 1
        self._send(HOCUSPOCUS.update(self.address, update))

    def awareness_changed(self, clients: list[int], *, by_provider: bool) -> None:
        if self.client.traits.passes_presence_on or not by_provider:
            self._send_awareness(clients)

    def _send_awareness(self, clients: Iterable[int], *, gone: bool = False) -> None:
        self._send(HOCUSPOCUS.awareness(self.address, self.awareness.encode(clients, gone=gone)))

    def opened(self) -> None:
        """The socket is open. It says who it is, what it has and who is here, as soon as it has a token."""
        self._attached = True
        self.denied_reason = None
        self._with_token(self._enter)

    def _with_token(self, call: Callable[[str], None]) -> None:
        token = self.client.owner.token()
        if token:
            self.client.timers.later(TOKEN_SECONDS, lambda: call(token))
        else:
            call(token)

    def _enter(self, token: str) -> None:
        if token or self.client.traits.authenticates_without_token:
            self._authenticate(token)
        self.unsynced = 1
        self._send(HOCUSPOCUS.sync_step1(self.address, self.device.state_vector()))
        if self.awareness.local is not None:
            self._send_awareness([self.awareness.client])

    def _authenticate(self, token: str) -> None:
        version = self.client.traits.version
        body = varint.write_bytes(token.encode()) + (varint.write_bytes(version.encode()) if version else b"")
        self._send(self.prefix + bytes((Kind.AUTH, _TOKEN)) + body)

    def _send_close(self) -> None:
        self._send(self.prefix + bytes((Kind.CLOSE,)))

    # ---- what it hears

    def received(self, payload: bytes, at: int) -> None:
        """A message with its address, which ends at `at`."""
        kind, at = payload[at], at + 1
        if kind == Kind.SYNC:
            step, data = payload[at], varint.read_bytes(payload, at + 1)[0]
            self.client.notices.heard(self.device, payload, None if step == _STEP1 else data)
            if self.listed:
                self._sync(step, data)
            return
        self.client.notices.heard(self.device, payload, None)
        if self.listed:
            self._hear(kind, payload, at)

    def _sync(self, step: int, data: bytes) -> None:
        if step == _STEP1:
            self._send(HOCUSPOCUS.sync_step2(self.address, self.device.update_since(data)))
            return
        self.device.apply(data)
        if step == _STEP2:
            self.synced = True

    def _hear(self, kind: int, payload: bytes, at: int) -> None:
        if kind not in self.client.traits.kinds:
            raise NotUnderstood(f"{self.client.traits.name}: a message of type {kind}")
        match Kind(kind):
            case Kind.AWARENESS:
                self.awareness.apply(varint.read_bytes(payload, at)[0])
            case Kind.SYNC_STATUS:
                self._count(saved=payload[at] == 1)
            case Kind.AUTH:
                self._hear_auth(payload, at)
            case Kind.QUERY_AWARENESS:
                self._send_awareness(self.awareness.states)
            case Kind.CLOSE:
                self.cut_off()

    def _hear_auth(self, payload: bytes, at: int) -> None:
        kind, at = payload[at], at + 1
        if kind == _TOKEN:
            if self.client.traits.knows_token_request:
                self._with_token(self._authenticate)
        elif kind == _DENIED:
            self.denied(varint.read_bytes(payload, at)[0].decode())
            if not self.client.traits.detaches_wholly:
                self._send_awareness([self.awareness.client], gone=True)
                self.listed = self._attached = False
        elif kind == _AUTHENTICATED:
            self.scope = varint.read_bytes(payload, at)[0].decode()

    def _count(self, *, saved: bool) -> None:
        if not saved:
            self.not_saved += 1
            return
        if self.unsynced > 0 or self.client.traits.counts_below_zero:
            self.unsynced -= 1
        if self.unsynced == 0:
            self.synced = True
            if edits := self.device.unsaved:
                self.device.unsaved = []
                self.client.notices.saved(self.device, edits)

    # ---- how it ends

    def cut_off(self) -> None:
        """The socket was closed, or the server closed the document."""
        self.synced = False
        self.awareness.remove_others()

    def reattach(self) -> None:
        """The application leaves and comes back: 2.15 by `connect`, later ones by `detach` and `attach`."""
        if self.client.traits.detaches_wholly:
            self._detach()
        self._attached = self.client.traits.detaches_wholly
        self.client.attach(self)

    def _detach(self) -> None:
        if self.listed:
            self._send_close()
        self.listed = self._attached = False

    def destroy(self) -> None:
        """Its goodbye. 2.15 says it twice, the second time after CLOSE."""
        self.hide()
        if self.client.traits.detaches_wholly:
            self._detach()
        else:
            self._send_close()
            self._send_awareness([self.awareness.client], gone=True)
            self.listed = self._attached = False

    def hide(self) -> None:
        """What it says when its page is hidden for good."""
        self.awareness.remove([self.awareness.client], by_provider=False)
        self.awareness.destroy()
