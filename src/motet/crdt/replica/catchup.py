"""The diff in updates of bounded size, in dependency order: a Yjs reader that applies them so never has any pending.

Segments whose references were sent go whole, unread; only where segments refer to each other both ways are their
structs looked at one by one. Each update is made when it is asked for. Clocks, not places, are kept in between, so
takes and rewriting do not disturb it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Final

from motet.crdt.replica.assemble import Cut, assemble
from motet.crdt.replica.lane import Lane, Segment
from motet.crdt.replica.scan import scan_block
from motet.crdt.replica.store import Store
from motet.varint import write

_AHEAD: Final = 32  # structs scanned at a time where they are looked at one by one
_LOOKS: Final = 2048  # structs looked at for one update, which then goes as it is: about 3 ms


class CatchUp:
    """One peer's catch-up, from its clocks to what the store held when it began."""

    def __init__(self, store: Store, have: Mapping[int, int], limit: int) -> None:
        self._store = store
        self._limit = limit
        self._sent = dict(have)
        self._goal = {client: lane.end for client, lane in store.lanes.items()}
        self._cuts: dict[int, list[Cut]] = {}
        self._size = self._looks = 0

    def updates(self) -> Iterator[bytes]:
        """The updates; at least one."""
        for client in sorted(self._goal, reverse=True):
            way = [(client, self._goal[client] - 1)]
            while way:
                client, clock = way[-1]
                lack = self._send(client)
                if self._full():
                    yield assemble(self._cuts, ())
                    self._cuts, self._size, self._looks = {}, 0, 0
                elif lack is not None and self._sent.get(client, 0) <= clock:
                    way.append(lack)
                else:
                    way.pop()
        yield from self._deletes()

    def _full(self) -> bool:
        return self._size >= self._limit or (self._looks >= _LOOKS and self._size > 0)

    def _send(self, client: int) -> tuple[int, int] | None:
        """Adds the client's structs until the update is full or the goal reached, or the id in the answer must go first."""
        lane = self._store.lanes[client]
        goal = self._goal[client]
        at = self._sent.get(client, 0)
        while at < goal and not self._full():
            i = bisect_right(lane.starts, at) - 1
            segment = lane.segments[i]
            end = min(lane.segment_end(i), goal)
            lack = None
            if not self._satisfied(segment):
                end, lack = self._look(lane, segment, at, end)
            if end > at:
                self._add(client, Cut(at, end, *lane.cut(at, end)))
                self._sent[client] = at = end
            if lack is not None:
                return lack
        return None

    def _satisfied(self, segment: Segment) -> bool:
        needs = segment.needs
        return needs is None or all(self._sent.get(client, 0) > clock for client, clock in needs.items())

    def _look(self, lane: Lane, segment: Segment, at: int, end: int) -> tuple[int, tuple[int, int] | None]:
        """How far the segment's structs from `at` on can go, and what the next one lacks."""
        sent = self._sent
        i = bisect_right(segment.index(lane.client), at) - 1
        while i < segment.count:
            count = min(_AHEAD, segment.count - i)
            structs, _ = scan_block(segment.data, segment.offsets[i], lane.client, segment.clocks[i], count)
            for struct in structs:
                clock, _, _, _, oc, ok, rc, rk, *_ = struct
                if clock >= end:
                    return end, None
                if oc >= 0 and oc != lane.client and ok >= sent.get(oc, 0) and clock >= at:
                    return clock, (oc, ok)
                if rc >= 0 and rc != lane.client and rk >= sent.get(rc, 0):
                    return max(clock, at), (rc, rk)
                self._looks += 1
            i += count
        return end, None

    def _add(self, client: int, cut: Cut) -> None:
        self._cuts.setdefault(client, []).append(cut)
        self._size += len(cut.data)

    def _deletes(self) -> Iterator[bytes]:
        """The last structs, and the deletes of what was sent."""
        sets: list[tuple[int, bytes]] = []
        for client, goal in sorted(self._goal.items(), reverse=True):
            ranges = self._store.dead.get(client)
            count, body = 0, b""
            for n, encoded in ranges.below(goal) if ranges is not None else ():
                count += n
                body += encoded
                if self._size + len(body) >= self._limit:
                    sets.append((client, write(count) + body))
                    yield assemble(self._cuts, sets)
                    self._cuts, self._size, sets, count, body = {}, 0, [], 0, b""
            if count:
                sets.append((client, write(count) + body))
                self._size += len(body)
        yield assemble(self._cuts, sets)
