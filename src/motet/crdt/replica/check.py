"""The slow, obvious oracle: a document as a dict from id to what is there. Used by tests only.

It shares no code with the replica, decodes one id at a time, holds back whole what lacks a cause, and tries all of it
again after every update.
"""

from __future__ import annotations

from typing import NamedTuple

from motet.varint import read

Id = tuple[int, int]

_GONE = ("gc", "deleted")


class Unit(NamedTuple):
    """One id: its kind, one unit of content, and what it refers to."""

    kind: str
    content: str | bytes
    origin: Id | None
    right: Id | None
    parent: str | Id | None
    sub: str | None


class Contradiction(Exception):
    """The update must be refused."""


_KINDS = ("gc", "deleted", "json", "binary", "string", "embed", "format", "type", "any", "doc", "skip")


class _Reader:
    """Reads an update, id by id."""

    def __init__(self, update: bytes) -> None:
        self.b = update
        self.at = 0

    def number(self) -> int:
        n, self.at = read(self.b, self.at)
        return n

    def text(self) -> str:
        size = self.number()
        self.at += size
        return self.b[self.at - size : self.at].decode()

    def value(self) -> bytes:
        """One Any value's bytes."""
        first = self.at
        tag = self.b[self.at]
        self.at += 1
        if tag == 125:
            while self.b[self.at] & 128:
                self.at += 1
            self.at += 1
        elif tag in (119, 116):
            size = self.number()
            self.at += size
        elif tag == 118:
            for _ in range(self.number()):
                self.text()
                self.value()
        elif tag == 117:
            for _ in range(self.number()):
                self.value()
        else:
            self.at += {124: 4, 123: 8, 122: 8}.get(tag, 0)
        return self.b[first : self.at]

    def since(self, first: int) -> bytes:
        return self.b[first : self.at]

    def contents(self, kind: str) -> list[str | bytes]:
        """A content, in units of one id."""
        if kind in ("gc", "deleted", "skip"):
            return [""] * self.number()
        if kind == "string":
            units = self.text().encode("utf-16-le")
            return [units[i : i + 2] for i in range(0, len(units), 2)]
        if kind == "any":
            return [self.value() for _ in range(self.number())]
        if kind == "json":
            return [self.text() for _ in range(self.number())]
        first = self.at
        if kind == "type":
            if self.number() in (3, 5):
                self.text()
        elif kind == "format":
            self.text()
            self.text()
        elif kind == "doc":
            self.text()
            self.value()
        else:  # binary and embed: bytes with their length in front
            size = self.number()
            self.at += size
        return [self.since(first)]


def parse(update: bytes) -> tuple[dict[Id, Unit], set[Id]]:
    """An update's units (without Skips) and the ids it deletes."""
    reader = _Reader(update)
    units: dict[Id, Unit] = {}
    for _ in range(reader.number()):
        count, client, clock = reader.number(), reader.number(), reader.number()
        for _ in range(count):
            info = reader.b[reader.at]
            reader.at += 1
            kind = _KINDS[info & 31]
            origin = right = parent = sub = None
            if kind not in ("gc", "skip"):
                origin = (reader.number(), reader.number()) if info & 128 else None
                right = (reader.number(), reader.number()) if info & 64 else None
                if not info & 192:
                    parent = reader.text() if reader.number() else (reader.number(), reader.number())
                    sub = reader.text() if info & 32 else None
            for content in reader.contents(kind):
                if kind != "skip":
                    units[client, clock] = Unit(kind, content, origin, right, parent, sub)
                clock += 1
                origin, parent, sub = (client, clock - 1), None, None
    dead: set[Id] = set()
    for _ in range(reader.number()):
        client = reader.number()
        for _ in range(reader.number()):
            clock, length = reader.number(), reader.number()
            dead.update((client, k) for k in range(clock, clock + length))
    return units, dead


class Model:
    """A document as the oracle sees it."""

    def __init__(self) -> None:
        self.units: dict[Id, Unit] = {}
        self.dead: set[Id] = set()
        self._waiting: list[tuple[dict[Id, Unit], set[Id]]] = []

    def clock(self, client: int) -> int:
        """The client's next clock."""
        return 1 + max((k for c, k in self.units if c == client), default=-1)

    def state_vector(self) -> dict[int, int]:
        """Every client's next clock."""
        clocks: dict[int, int] = {}
        for client, clock in self.units:
            clocks[client] = max(clocks.get(client, 0), clock + 1)
        return clocks

    def take(self, update: bytes) -> None:
        """Takes an update, and all that waited for it. Raises Contradiction if known ids say something else."""
        update_units, update_dead = parse(update)
        for id_, unit in update_units.items():
            known = self.units.get(id_)
            if known is not None and known.kind not in _GONE and unit.kind not in _GONE and known != unit:
                raise Contradiction(id_)
        self._waiting.append((update_units, update_dead))
        while any(self._advance(units, dead) for units, dead in self._waiting):
            pass
        self._waiting = [(units, dead) for units, dead in self._waiting if units or dead]

    @property
    def waits(self) -> bool:
        """Whether anything waits for its causes."""
        return bool(self._waiting)

    def _advance(self, units: dict[Id, Unit], dead: set[Id]) -> bool:
        """Moves what can be from a waiting update into the document; whether anything was."""
        moved = False
        for id_, unit in sorted(units.items()):
            client, clock = id_
            causes = [unit.origin, unit.right, unit.parent if isinstance(unit.parent, tuple) else None]
            if id_ not in self.units:
                if clock != self.clock(client) or any(c is not None and c not in self.units for c in causes):
                    continue
                self.units[id_] = self._placed(unit)
                if self.units[id_].kind in _GONE:
                    self.dead.add(id_)
            del units[id_]
            moved = True
        for id_ in [i for i in dead if i in self.units]:
            dead.remove(id_)
            self.dead.add(id_)
            moved = True
        return moved

    def _placed(self, unit: Unit) -> Unit:
        """The unit, or GC if its parent cannot have children."""
        if isinstance(unit.parent, tuple) and self.units[unit.parent].kind not in ("type", *_GONE):
            return Unit("gc", "", None, None, None, None)
        return unit

    def agrees_with(self, encoded: bytes) -> str:
        """What is different in an encoded document: nothing, for the same ids, deletes and live content."""
        units, dead = parse(encoded)
        dead |= {id_ for id_, unit in units.items() if unit.kind in _GONE}
        if units.keys() != self.units.keys():
            return f"ids: {sorted(units.keys() ^ self.units.keys())[:5]}"
        if dead != self.dead:
            return f"deletes: {sorted(dead ^ self.dead)[:5]}"
        for id_, unit in units.items():
            mine = self.units[id_]
            if unit != mine and unit.kind not in _GONE and mine.kind not in _GONE:
                return f"{id_}: {unit} instead of {mine}"
            if id_ not in dead and unit != mine:
                return f"{id_} lost its content"
            if unit.kind == "deleted" and mine.kind != "gc" and unit[2:] != mine[2:]:
                return f"{id_} lost its place"
        return ""
