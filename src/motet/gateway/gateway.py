"""The gateway itself: who may come in, who is in, and the one sweep that looks after them all."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import count

from motet.errors import MotetError, RateLimited, Restarting, TryLater
from motet.gateway import upgrade as handshake
from motet.gateway.holding import HoldingPen
from motet.gateway.port import Accept, Connection, Refusal, Report, Upgrade
from motet.gateway.settings import KIB, GatewaySettings
from motet.gateway.turned_away import TurnedAway
from motet.gateway.wire import PicowsWire

log = logging.getLogger(__name__)

UNIX = "unix"
"""The address of every peer that came over a unix socket."""
_READ_BUFFER_CHECKS = 30
"""Sweeps from one look at everybody's read buffer to the next."""
_DRAIN_BATCHES_PER_SECOND = 20
_DRAIN_PER_SECOND = 100
"""Connections that are sent away at least, so that a small server stops at once."""


@dataclass(frozen=True, slots=True)
class GatewayStatistics:
    """Numbers of the moment."""

    connections: int
    """Open WebSockets, held ones too."""
    accepting: int
    """Upgrades that wait for the application's answer."""
    held: int
    """Refused clients that came back at once."""
    pending: int
    """WebSockets that nobody has signed in on yet."""
    heads: int
    """Sockets that have not sent a whole request head yet."""


def logged(error: Exception, where: str, *, connection: str, event: str) -> None:
    """A `Report` to the log."""
    log.error("%s failed in connection %s: %s", where, connection, event, exc_info=error)


def unnoticed(upgrade: Upgrade, error: MotetError) -> None:
    """Nobody is told of an upgrade that the gateway refuses by itself."""


class Gateway:
    """All sockets of one server. It is made before the event loop runs, and used within it."""

    def __init__(
        self,
        accept: Accept,
        settings: GatewaySettings,
        report: Report = logged,
        refused: Callable[[Upgrade, MotetError], None] = unnoticed,
    ) -> None:
        """`refused` is told of upgrades that `accept` does not know of, or did not answer in time."""
        self.settings = settings
        self._accept = accept
        self._report = report
        self._refused = refused
        self._pen = HoldingPen(settings)
        # Sockets whose request head is not complete, and since when, the oldest first. Bounded by max_heads: then the
        # oldest is closed.
        self._heads: dict[asyncio.Transport, float] = {}
        # What is done to all of them is done in the order in which they came: a simulated world can be repeated.
        self._upgrades: dict[asyncio.Task[None], None] = {}  # bounded by max_accepting: then 503
        self._wires: dict[PicowsWire, None] = {}  # bounded by max_connections: then 503
        # Those of them that nobody has signed in on, the oldest first. Bounded by max_pending_connections: then the
        # oldest is closed, since honest clients sign in at once.
        self._pending: dict[PicowsWire, None] = {}
        self._per_address: Counter[str] = Counter()
        self._draining = False
        self._ids = count(1)
        # Tells the connections of two processes apart in one place of logs.
        self._prefix = f"{random.getrandbits(16):04x}"
        self._sweeps = 0
        self._next_sweep: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to sweep."""
        self._next_sweep = asyncio.get_running_loop().call_later(self.settings.sweep_seconds, self._sweep)

    def statistics(self) -> GatewayStatistics:
        """How many there are of what."""
        return GatewayStatistics(
            connections=len(self._wires),
            accepting=len(self._upgrades),
            held=self._pen.held,
            pending=len(self._pending),
            heads=len(self._heads),
        )

    def next_id(self) -> str:
        """What the next connection is called."""
        return f"{self._prefix}-{next(self._ids):x}"

    def head_awaited(self, transport: asyncio.Transport) -> None:
        """A socket owes us a request head. Where too many do, the oldest is closed: honest clients send it at once."""
        self._heads.setdefault(transport, time.monotonic())
        if len(self._heads) > self.settings.max_heads:
            oldest = next(iter(self._heads))
            del self._heads[oldest]
            oldest.abort()

    def head_done(self, transport: asyncio.Transport) -> None:
        """The head is complete, or the socket has ended."""
        self._heads.pop(transport, None)

    def upgrade(self, transport: asyncio.Transport, upgrade: Upgrade) -> asyncio.Task[None] | None:
        """Has the application answer an upgrade, and opens the WebSocket or refuses it over HTTP.

        Cancel the task when the peer leaves meanwhile. None: it is refused already.
        """
        error = self._no_room_for(upgrade.address)
        if error is not None:
            self._refused(upgrade, error)
            _say_last(transport, handshake.refused_by(error))
            return None
        self._per_address[upgrade.address] += 1
        task = asyncio.get_running_loop().create_task(self._answer(transport, upgrade))
        self._upgrades[task] = None
        task.add_done_callback(self._upgrades.pop)
        return task

    def _no_room_for(self, address: str) -> RateLimited | TryLater | Restarting | None:
        settings = self.settings
        if self._draining:
            return Restarting("the server is stopping")
        if len(self._upgrades) >= settings.max_accepting:
            return TryLater(f"more than {settings.max_accepting} connections are being opened (max_accepting)")
        if len(self._wires) + len(self._upgrades) >= settings.max_connections:
            return TryLater(f"the server has {settings.max_connections} connections (max_connections)")
        limit = settings.max_connections_per_address
        if address != UNIX and self._per_address[address] >= limit:
            return RateLimited(f"{address} has {limit} connections (max_connections_per_address)")
        return None

    async def _answer(self, transport: asyncio.Transport, upgrade: Upgrade) -> None:
        connection: Connection | None = None
        try:
            connection = await self._ask(transport, upgrade)
        finally:
            if connection is None:
                self._leave(upgrade.address)
        if connection is not None:
            self._open(transport, upgrade, connection)

    async def _ask(self, transport: asyncio.Transport, upgrade: Upgrade) -> Connection | None:
        """The application's answer; None where the upgrade was refused over HTTP."""
        try:
            async with asyncio.timeout(self.settings.accept_seconds):
                return await self._accept(upgrade)
        except Refusal as refusal:
            seconds = self._pen.refuse(refusal.key, time.monotonic())
            if seconds is not None:
                return TurnedAway(refusal, seconds, self._pen)
            answer = handshake.refused_by(RateLimited(f"too many attempts: {refusal}"))
        except TimeoutError:
            late = TryLater(f"no answer within {self.settings.accept_seconds:g} s (accept_seconds)")
            self._refused(upgrade, late)
            answer = handshake.refused_by(late)
        except asyncio.CancelledError:
            if self._draining:
                _say_last(transport, handshake.refused_by(Restarting("the server is stopping")))
            raise
        except MotetError as error:
            answer = handshake.refused_by(error)
        except Exception as error:  # noqa: BLE001 - the edge: one upgrade's fault stays with it
            self._report(error, "upgrade", connection=upgrade.id, event=upgrade.path)
            answer = handshake.refused(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")
        _say_last(transport, answer)
        return None

    def _open(self, transport: asyncio.Transport, upgrade: Upgrade, connection: Connection) -> None:
        settings = self.settings
        if isinstance(connection, TurnedAway):  # nothing that it sends is of interest
            settings = replace(settings, max_message_bytes=4 * KIB)
        pending = connection.pending
        wire = PicowsWire(transport, connection, upgrade, settings, self, pending)
        if transport.is_closing():
            wire.lost()
            return
        self._wires[wire] = None
        if pending:
            self._admit_stranger(wire)
        transport.write(handshake.accepted(upgrade))
        wire.start()

    def _admit_stranger(self, wire: PicowsWire) -> None:
        self._pending[wire] = None
        if len(self._pending) > self.settings.max_pending_connections:
            oldest = next(iter(self._pending))
            del self._pending[oldest]
            oldest.expel(TryLater("too many sockets that nobody has signed in on (max_pending_connections)"))

    # What wires tell (wire.Doorkeeper)

    def signed_in(self, wire: PicowsWire) -> None:
        """Its peer is a stranger no longer."""
        self._pending.pop(wire, None)

    def turn_away(self, wire: PicowsWire, error: MotetError, key: str) -> None:
        """A refusal after the upgrade is like one before: the second within a minute is held. It is open already, so a
        full pen costs nothing more: then it is closed at once."""
        seconds = self._pen.refuse(key, time.monotonic(), wire.opened_at)
        if seconds is None:
            wire.close(error.code, str(error))
        else:
            self._pending.pop(wire, None)
            wire.hand_over(TurnedAway(Refusal(error), seconds, self._pen), error)

    def failed(self, wire: PicowsWire, error: Exception, call: str) -> None:
        """A fault of the application's; the wire closes."""
        self._report(error, "connection", connection=wire.id, event=call)

    def ended(self, wire: PicowsWire) -> None:
        """It is forgotten."""
        self._pending.pop(wire, None)
        self._wires.pop(wire, None)
        self._leave(wire.address)

    def _leave(self, address: str) -> None:
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]

    def _sweep(self) -> None:
        now = time.monotonic()
        self._sweeps += 1
        for transport, since in list(self._heads.items()):
            if now - since < self.settings.head_seconds:
                break
            del self._heads[transport]
            transport.abort()
        for wire in tuple(self._wires):
            wire.tick(now)
            if self._sweeps % _READ_BUFFER_CHECKS == 0:
                wire.check_read_buffer()
        self.start()

    def refuse_newcomers(self) -> None:
        """The first step of a stop: upgrades get 503 from here on, those that wait for their answer too."""
        self._draining = True
        for task in tuple(self._upgrades):
            task.cancel()

    async def drain(self, hurry: Callable[[], bool]) -> None:
        """Sends everybody away with 1012, and returns when they are gone.

        The many are spread over `drain_seconds`; each reason advises another `retry_after`, so that they come back
        spread as well. Whoever does not finish in `close_seconds` is aborted, and everybody once `hurry()` is true.
        """
        leaving = list(self._wires)
        random.shuffle(leaving)
        spread = min(self.settings.drain_seconds, len(leaving) / _DRAIN_PER_SECOND)
        batch = max(1, round(len(leaving) / max(1.0, spread * _DRAIN_BATCHES_PER_SECOND)))
        while leaving and not hurry():
            for wire in leaving[:batch]:
                wire.close(Restarting.code, f"retry_after={random.uniform(1.0, 1.0 + 2 * max(1.0, spread)):.2f}")
            del leaving[:batch]
            if leaving:
                await asyncio.sleep(1 / _DRAIN_BATCHES_PER_SECOND)
        patience = self.settings.close_seconds + 2 * self.settings.sweep_seconds
        for _ in range(round(patience * _DRAIN_BATCHES_PER_SECOND)):
            if hurry() or not (self._wires or self._upgrades):
                break
            await asyncio.sleep(1 / _DRAIN_BATCHES_PER_SECOND)
        for wire in tuple(self._wires):
            wire.abort()
        await asyncio.sleep(0)  # their ends are already scheduled

    def stop(self) -> None:
        """Sweeps no more."""
        if self._next_sweep is not None:
            self._next_sweep.cancel()


def _say_last(transport: asyncio.Transport, answer: bytes) -> None:
    if not transport.is_closing():
        transport.write(answer)
        transport.close()
