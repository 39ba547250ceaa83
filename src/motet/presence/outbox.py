"""What the next presence frame will hold, and when it leaves."""

from __future__ import annotations

from math import inf

from motet.presence.awareness import join
from motet.presence.echo import SentFrames
from motet.presence.pace import interval

RENEWAL = 1.5
"""Seconds a renewal (a higher clock, the same state) waits for company. Clients renew 15-18 s after their last change
and expire others after 30 s. So 300 idle members cost a frame in 1.5 s and not in each tick, and every live entry is
sent with a newer clock within 20 s."""

SLACK = 0.001
"""Seconds a thing may be done early: event loops run timers up to their clock's resolution before they are due."""

_LIMIT = 8192


class Outbox:
    """The newest of each client since the last frame."""

    __slots__ = ("_flushed", "_news", "_renewal_at", "_sent", "_urgent")

    def __init__(self) -> None:
        # Client to (member, written entry). Bounded; when it is full the oldest goes, and is made good by the client's
        # next renewal, or by the others' own expiry when it was an end.
        self._news: dict[int, tuple[int, bytes]] = {}
        self._sent = SentFrames()
        self._urgent = False
        self._renewal_at = inf
        self._flushed = -inf

    def add(self, client: int, member: int, written: bytes, urgent: bool, now: float) -> None:
        """Puts a client's newest entry into the next frame. One that is not urgent may wait for others."""
        news = self._news
        if len(news) >= _LIMIT and client not in news:
            del news[next(iter(news))]
        news[client] = (member, written)
        if urgent:
            self._urgent = True
        elif self._renewal_at == inf:
            self._renewal_at = now + RENEWAL

    def repeats(self, payload: bytes, member: int) -> bool:
        """Whether a member's update is what was sent to it."""
        return self._sent.repeats(payload, member)

    def due(self, audience: int) -> float:
        """When the next frame should leave: at once after a quiet time, then paced by the audience's size."""
        if not self._news:
            return inf
        paced = self._flushed + interval(audience)
        return paced if self._urgent else max(paced, self._renewal_at)

    def take(self, now: float, audience: int) -> bytes | None:
        """The frame's awareness update, if one is due."""
        if now + SLACK < self.due(audience):
            return None
        parts = list(self._news.values())
        self._sent.add(parts)
        self._news = {}
        self._urgent = False
        self._renewal_at = inf
        self._flushed = now
        return join([written for _, written in parts])
