"""Hostile peers in a room: any messages, legal and illegal, in any order, on real connections over a real hub.

Nothing but designed errors comes of it, nobody is told "saved" too often, nothing of a viewer is kept; whoever listens
holds what the room holds, and so does the log; and an honest newcomer is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from choices import Choices
from instant_loop import InstantLoop
from made_updates import made_update
from session_stage import ADDRESSES, SETTINGS, TOKENS, USERS, Peer, Stage
from small_limits import small_limits

from motet.errors import MotetError
from motet.sync import HOCUSPOCUS, YJS
from motet.varint import write, write_bytes

STEPS: Final = 60
SECONDS: Final = (0.0, 0.02, 0.5, 2.0, 6.0, 16.0, 31.0, 61.0)
ROLES: Final = ("viewer", "commenter", "editor", "none", None)


class Play:
    """One input."""

    def __init__(self, choices: Choices, stage: Stage) -> None:
        self._choices = choices
        self._stage = stage

    async def run(self) -> None:
        """All of it, then the honest."""
        stage, choices = self._stage, self._choices
        await stage.begin()
        for _ in range(STEPS):
            if not choices:
                break
            await self._step()
        await stage.settle()
        self._check_statuses()
        await stage.check()

    async def _step(self) -> None:
        choices, stage = self._choices, self._stage
        what = choices.byte()
        act, who = what & 15, what >> 4
        if act == 15 or not stage.peers:
            await self._enter(USERS[who % len(USERS)])
            return
        peer = stage.peers[who % len(stage.peers)]
        if act == 14:
            await asyncio.sleep(choices.one_of(SECONDS))
        elif act == 13:
            await stage.rule(choices.one_of(USERS), choices.one_of(ROLES))
        elif act == 12:
            self._disturb(peer)
        else:
            self._speak(peer, act)
            if what & 1:
                await asyncio.sleep(0)

    async def _enter(self, user: str) -> None:
        """Somebody's socket: of one dialect, or of the other, and then perhaps with the room opened at once."""
        how, auth = self._choices.below(3), self._auth("a", user)
        peer = await self._stage.enter(user, YJS if how == 0 else HOCUSPOCUS)
        if peer is not None and how == 1:
            self._tell(peer, lambda: peer.ear.received(auth))
            await asyncio.sleep(0.01)

    def _auth(self, address: str, token: str) -> bytes:
        version = write_bytes(b"4.8.0") if self._choices.below(2) else b""
        return write_bytes(address.encode()) + b"\2\0" + write_bytes(token.encode()) + version

    def _disturb(self, peer: Peer) -> None:
        """What the socket does by itself."""
        choices = self._choices
        kind = choices.below(7)
        if kind == 6:
            self._stage.hub.disk.broken = not self._stage.hub.disk.broken
        elif kind == 0:
            peer.end(clean=False)
        elif kind == 1:
            peer.end(clean=True)
        elif kind == 2:
            peer.wire.size = 1 << 20
            peer.connection.congested()
        elif kind == 3:
            peer.wire.size = 0
            peer.connection.drained()
        elif kind == 4:
            peer.connection.heard()
        else:
            self._tell(peer, lambda: peer.connection.oversized(choices.byte() << 12, choices.blob()))

    def _speak(self, peer: Peer, act: int) -> None:
        choices = self._choices
        address = choices.one_of(ADDRESSES)
        payload = choices.blob() if act == 0 else self._message(peer, act, address)
        self._tell(peer, lambda: peer.ear.received(payload))

    def _message(self, peer: Peer, act: int, address: str) -> bytes:
        """A message of the peer's dialect, right or not quite."""
        choices, dialect = self._choices, peer.connection.dialect
        head = write_bytes(address.encode()) if peer.names_documents else b""
        if act == 1:
            return dialect.update(address, choices.blob())
        if act == 2:
            return dialect.update(address, made_update(choices.part()))
        if act == 3:
            return dialect.update(address, peer.types(choices.one_of(("t", "comments", "u")), choices.below(3)))
        if act == 4:
            return dialect.sync_step1(address, choices.blob() or b"\0")
        if act == 5:
            return dialect.sync_step2(address, choices.blob() or made_update(choices.part()))
        if act in (6, 7):
            return dialect.awareness(address, self._presence() if act == 6 else choices.blob())
        if act == 8:
            return self._auth(address, choices.one_of(TOKENS))
        if act == 9:
            return head + bytes((choices.below(12),)) + choices.blob()
        if act == 10:
            return head + bytes((5 + choices.below(3),)) + write_bytes(choices.blob())
        return HOCUSPOCUS.ping("") if peer.names_documents else b"\3"

    def _presence(self) -> bytes:
        """One entry of one of a few clients."""
        choices = self._choices
        states = (b"{}", b"null", b'{"user":{"name":"x"}}', b'{"cursor":[1,{}]}', b"7")
        state = choices.one_of(states)
        return b"\1" + write(1 + choices.below(4)) + write(choices.byte()) + write_bytes(state)

    def _tell(self, peer: Peer, call: Callable[[], None]) -> None:
        """A call of the gateway's, which closes the socket by a designed error and is told nothing else."""
        if peer.wire.closed is not None or not peer.wire.reading:
            return
        try:
            call()
        except MotetError as error:
            peer.connection.hang_up(error)

    def _check_statuses(self) -> None:
        for peer in self._stage.everybody:
            for address, (updates, told) in peer.statuses().items():
                assert told <= updates, f"{told} statuses for {updates} edits of {address!r}"


def one(data: bytes) -> None:
    """Raises for a bug only."""
    choices, loop = Choices(data), InstantLoop()
    sizes = choices.byte()
    with small_limits(sizes & 1 == 1):
        stage = Stage(loop.time, SETTINGS[sizes >> 1 & 1])
        try:
            loop.run_until_complete(Play(choices, stage).run())
            assert not loop.complaints, loop.complaints
        finally:
            loop.end()
