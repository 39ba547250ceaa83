"""What is integrated: a lane per client, and the deleted ranges. Knows nothing of authors or of what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from motet.crdt.replica.ancestry import Ancestry
from motet.crdt.replica.assemble import Cut, assemble, delete_sets, encode_dead
from motet.crdt.replica.catchup import STEP, History
from motet.crdt.replica.conflict import Comparison
from motet.crdt.replica.cutting import part, split
from motet.crdt.replica.lane import FIRST_ROOT, IN_MAP, LANE_BYTES, MAX_RUN, SEGMENT, UNKNOWN, Lane, Mark, Segment
from motet.crdt.replica.ranges import RANGE_BYTES, Ranges
from motet.crdt.replica.scan import (
    ANY,
    DELETED,
    GC,
    HAS_ORIGIN,
    HAS_RIGHT,
    HAS_SUB,
    JSON,
    MAX_CLIENTS,
    REF,
    SKIP,
    STRING,
    TYPE,
    Struct,
    Walks,
    scan_block,
)
from motet.crdt.replica.values import Bytes, skip_text
from motet.errors import IdConflict, MalformedUpdate
from motet.varint import write

_LAST: Final = 48  # bytes of one id of a client, with its head: clients and clocks take 5 and 3
_TYPES: Final = (TYPE, GC, DELETED)  # what may have been a type
_NO_TYPE: Final = -1
_TORN: Final = -2
_BETWEEN_LISTS: Final = "origin and right origin are in different lists"


def _between(container: int, other: int) -> int:
    """The container of what lies between an id of one and an id of the other."""
    if container == UNKNOWN or other == UNKNOWN:
        return UNKNOWN
    return _TORN if container != other or container & IN_MAP else container


class Intake:
    """What integrating one update has done so far."""

    __slots__ = ("added", "comparison", "gone", "lack", "news", "strict", "trail", "walks", "whole")

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict  # refuse what contradicts itself (else, where nobody is left to refuse, it becomes GC)
        self.whole = True  # all of it was new, as it came
        self.news = False  # it deleted something
        self.lack = (0, 0)  # the id that the struct needs at which `advance` stopped
        self.added: list[tuple[int, int]] = []  # client, first new clock
        self.gone: list[tuple[int, int, int]] = []  # deleted by being a GC or Deleted struct
        self.trail: dict[int, Mark | None] | None = None  # lanes as they were; None for a lane that was not there
        self.comparison: Comparison | None = None
        self.walks: Walks = {}  # of the bytes that `advance` is given


class Store:
    """See the module."""

    __slots__ = ("ancestry", "by_number", "dead", "garbage", "history", "lanes", "note_at", "roots", "rotten", "size")

    def __init__(self) -> None:
        self.lanes: dict[int, Lane] = {}
        self.by_number: list[Lane] = []
        self.roots: dict[bytes, int] = {}  # names that structs have for their parents, with their length → container
        self.ancestry = Ancestry(self.by_number, self.roots)
        self.dead: dict[int, Ranges] = {}
        self.size = 0  # bytes of structs, of deleted ranges, and what the lanes themselves take
        self.history = History()
        self.note_at = STEP  # the size at which it notes the next state vector
        self.garbage = 0  # about how many of them are content that is deleted
        self.rotten: deque[tuple[int, Segment]] = deque()  # segments that are mostly that, and their clients

    # -- integrating

    def advance(self, intake: Intake, client: int, structs: list[Struct], index: int, data: Bytes) -> int:
        """Integrates structs of one client from an index on, as far as all they refer to is there.

        Returns the index it reached; short of the end, `intake.lack` says what is missing.
        Raises IdConflict, MalformedUpdate: then `take_back` undoes what was done since the trail began."""
        lanes = self.lanes
        lane = lanes.get(client)
        end = first = 0 if lane is None else lane.end
        if intake.trail is not None and client not in intake.trail:
            intake.trail[client] = None if lane is None else lane.mark()
        while index < len(structs):
            struct = structs[index]
            clock = struct[0]
            b = data
            if b[struct[2]] & REF == SKIP:
                intake.whole = False
                index += 1
                continue
            if clock > end:
                intake.lack = (client, clock - 1)
                break
            if lane is not None and clock < end:
                self._compare(intake, lane, b, struct)
                intake.whole = False
                if clock + struct[1] <= end:
                    index += 1
                    continue
                b = part(b, struct, client, end, clock + struct[1])
                struct = scan_block(b, 0, lane.me, client, end, 1)[0][0]
            typed = lane.type_on(b, struct) if lane is not None and struct[9] else 0
            if lane is not None and typed:
                self.size += typed
                end = lane.end
                index += 1
                continue
            if not self._has_causes(intake, client, struct):
                break
            lane = self._push(intake, client, b, struct, intake.walks.get(struct[8]) if b is data else None)
            end = lane.end
            index += 1
        if end > first:
            intake.added.append((client, first))
        return index

    def _has_causes(self, intake: Intake, client: int, struct: Struct) -> bool:
        """Whether all that a struct refers to is there; if not, `intake.lack` is the first that is not."""
        _, _, _, _, oc, ok, rc, rk, _, _ = struct
        if oc >= 0 and oc != client:
            other = self.lanes.get(oc)
            if other is None or ok >= other.end:
                intake.lack = (oc, ok)
                return False
        if rc >= 0 and rc != client:
            other = self.lanes.get(rc)
            if other is None or rk >= other.end:
                intake.lack = (rc, rk)
                return False
        return True

    def _push(self, intake: Intake, client: int, b: Bytes, struct: Struct, walk: list[tuple[int, int]] | None) -> Lane:
        ref = b[struct[2]] & REF
        container = UNKNOWN if ref == GC else self._container(b, struct)
        if container == _TORN and intake.strict:
            raise MalformedUpdate(_BETWEEN_LISTS)
        lane = self.lanes.get(client) or self.new_lane(client)
        if container < 0:  # its parent cannot have children: Yjs makes a GC of it, and so do we
            intake.whole = False
            length = struct[1]
            b, ref, container = b"\0" + write(length), GC, UNKNOWN
            struct = scan_block(b, 0, lane.me, client, struct[0], 1)[0][0]
        if ref in (GC, DELETED):
            intake.gone.append((client, struct[0], struct[0] + struct[1]))
        if struct[3] - struct[8] > 2 * MAX_RUN and struct[1] > 1 and ref in (STRING, ANY, JSON):
            # pieces, as splitting in Yjs makes them: whoever cuts, compares or rewrites them looks at one at a time
            count, b = split(b, struct, client, MAX_RUN, walk)
            pieces, _ = scan_block(b, 0, lane.me, client, struct[0], count)
        else:
            pieces = [struct]
        for struct in pieces:
            lane.push(b, struct, container)
            self.size += struct[3] - struct[2]
            if self.size >= self.note_at:
                self.history.note(self)
                self.note_at = self.size + STEP
        return lane

    def _container(self, b: Bytes, struct: Struct) -> int:
        """What a struct lies in, as Lane.container; _NO_TYPE or _TORN if that is nowhere."""
        _, _, start, _, oc, ok, rc, rk, _, _ = struct
        info = b[start]
        lanes = self.lanes
        if info & HAS_ORIGIN:
            container = lanes[oc].container(ok)
            return _between(container, lanes[rc].container(rk)) if info & HAS_RIGHT else container
        if info & HAS_RIGHT:
            return lanes[rc].container(rk)
        if oc >= 0:
            parent = lanes[oc]
            kind = parent.kind(ok)
            if kind != TYPE:
                return UNKNOWN if kind in _TYPES else _NO_TYPE
            return parent.number << 32 | ok | (IN_MAP if info & HAS_SUB else 0)
        name = bytes(b[start + 2 : skip_text(b, start + 2)])
        root = self.roots.setdefault(name, FIRST_ROOT + len(self.roots))
        return root | (IN_MAP if info & HAS_SUB else 0)

    def refuse_torn(self, structs: list[Struct]) -> None:
        """Raises MalformedUpdate if a struct that cannot be integrated yet lies between two lists already."""
        for _, _, _, _, oc, ok, rc, rk, _, _ in structs:
            if rc >= 0 and oc >= 0 and ok < self.end(oc) and rk < self.end(rc):
                if _between(self.lanes[oc].container(ok), self.lanes[rc].container(rk)) == _TORN:
                    raise MalformedUpdate(_BETWEEN_LISTS)

    def _compare(self, intake: Intake, lane: Lane, b: Bytes, struct: Struct) -> None:
        if intake.comparison is None:
            intake.comparison = Comparison()
        if not intake.comparison.same(lane, b, struct, lane.end):
            raise IdConflict(f"id_conflict: client id {lane.client} is used by two replicas")

    def new_lane(self, client: int) -> Lane:
        """An empty lane. Raises MalformedUpdate if there are too many."""
        if len(self.lanes) >= MAX_CLIENTS:
            raise MalformedUpdate(f"more than {MAX_CLIENTS} clients in one document")
        lane = self.lanes[client] = Lane(client, len(self.by_number) + 1, self.rotten)
        self.by_number.append(lane)
        self.size += LANE_BYTES
        self.note_at += LANE_BYTES
        return lane

    def take_back(self, trail: Mapping[int, Mark | None], size: int, roots: int, notes: int) -> None:
        """Undoes what `advance` did since the trail began, when size, number of roots and notes were these."""
        for client, mark in reversed(list(trail.items())):
            if mark is not None:
                self.lanes[client].restore(mark)
            elif self.lanes.pop(client, None) is not None:
                self.by_number.pop()
        self.size = size
        self.history.take_back(notes, self)
        while len(self.roots) > roots:
            self.roots.popitem()

    def end(self, client: int) -> int:
        """The client's next clock."""
        lane = self.lanes.get(client)
        return 0 if lane is None else lane.end

    def delete(self, lane: Lane, a: int, z: int) -> list[tuple[int, int]]:
        """Deletes the ids [a, z), which are there; returns the parts that were not deleted before."""
        new = self.gone(lane.client, a, z)
        for low, high in new:
            self.garbage += lane.bury(low, high)
        return new

    def gone(self, client: int, a: int, z: int) -> list[tuple[int, int]]:
        """Enters ids [a, z) as deleted, whose content is not here; returns the parts that were not deleted before."""
        ranges = self.dead.get(client)
        if ranges is None:
            ranges = self.dead[client] = Ranges()
        before = ranges.count
        new = ranges.add(a, z)
        self.size += RANGE_BYTES * (ranges.count - before)
        return new

    # -- giving

    def state_vector(self) -> bytes:
        """Every client's next clock, encoded."""
        lanes = self.lanes
        return write(len(lanes)) + b"".join([lane.me + write(lane.end) for lane in lanes.values()])

    def probe_size(self) -> int:
        """As Replica.probe_size: a struct may be large if its segment is."""
        last = sum(_LAST + max(0, len(lane.segments[-1].data) - SEGMENT) for lane in self.lanes.values())
        return last + RANGE_BYTES * sum(ranges.count for ranges in self.dead.values())

    def diff(self, have: Mapping[int, int]) -> bytes:
        """An update of the structs from these clocks on, and every delete."""
        cuts = {}
        for client, lane in self.lanes.items():
            clock = have.get(client, 0)
            if clock < lane.end:
                cuts[client] = [Cut(clock, lane.end, *lane.cut(clock, lane.end))]
        return assemble(cuts, encode_dead(self.dead))

    def pieces(self) -> list[bytes]:
        """`diff({})`, in the pieces that it is held in."""
        lanes = [self.lanes[client] for client in sorted(self.lanes, reverse=True) if self.lanes[client].end]
        out = [write(len(lanes))]
        for lane in lanes:
            count, body = lane.pieces()
            out += [write(count), lane.me, b"\0", *body]
        return out + delete_sets(encode_dead(self.dead))
