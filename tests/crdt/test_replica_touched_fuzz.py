"""Touched roots against two judges, on histories of pycrdt: what its observers saw change, and a walk id by id."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from crdt_updates import compacted
from pycrdt import Array, Doc, Map, Text, UndoManager, XmlElement, XmlFragment, XmlText, merge_updates
from replica_fuzz import survey_slowly

from motet.crdt.replica import TAKEN, Replica, read_state_vector
from motet.crdt.replica.check import Id, Model, Unit, parse
from motet.errors import IdConflict, MalformedUpdate

ROOTS: dict[str, Any] = {"content": Text, "meta": Map, "list": Array, "page": XmlFragment, "comments": Map}


def open_roots(doc: Doc[Any]) -> dict[str, Any]:
    return {name: doc.get(name, type=kind) for name, kind in ROOTS.items()}


class Client:
    """A pycrdt document that edits at random, and the updates that it sent."""

    def __init__(self, rnd: random.Random) -> None:
        self.doc: Doc[Any] = Doc(client_id=rnd.randrange(1, 2**31))
        self.roots = open_roots(self.doc)
        self.sent: list[bytes] = []
        self.undo = UndoManager(scopes=list(self.roots.values()), capture_timeout_millis=0)
        self._rnd = rnd

    def edit(self) -> None:
        """One transaction: an edit in one root or in several, or an undo."""
        rnd, before = self._rnd, self.doc.get_state()
        heard: list[bytes] = []
        subscription = self.doc.observe(lambda event: heard.append(event.update))
        if rnd.random() < 0.1:
            self.undo.undo() if rnd.random() < 0.7 else self.undo.redo()
        else:
            with self.doc.transaction():
                for name in rnd.sample(list(ROOTS), 1 if rnd.random() < 0.8 else 2):
                    getattr(self, f"_edit_{name}")(self.roots[name])
        self.doc.unobserve(subscription)
        self.sent += heard
        if rnd.random() < 0.05:
            self.sent.append(self.doc.get_update(before))  # with the whole delete set, as in a sync step 2

    def _edit_content(self, text: Any) -> None:
        rnd, size = self._rnd, len(text)
        at = rnd.randrange(size + 1)
        kind = rnd.randrange(4)
        if kind == 0 and size:
            at = min(at, size - 1)
            del text[at : min(size, at + rnd.randrange(1, 4))]
        elif kind == 1 and size > 2:
            text.format(min(at, size - 2), size, {"bold": rnd.choice((True, None))})
        elif kind == 2:
            text.insert_embed(at, {"image": 1})
        else:
            text.insert(at, rnd.choice(("a", "word ", "xyz")))

    def _edit_meta(self, meta: Any) -> None:
        key = f"k{self._rnd.randrange(3)}"
        if key in meta and self._rnd.random() < 0.3:
            del meta[key]
        else:
            meta[key] = self._rnd.choice((1, "v", [1, {"a": None}], Map({"deep": Array([1, Map()])})))

    def _edit_list(self, array: Any) -> None:
        rnd = self._rnd
        if len(array) and rnd.random() < 0.4:
            del array[rnd.randrange(len(array))]
        else:
            array.insert(rnd.randrange(len(array) + 1), rnd.choice((1, {"x": [1]}, Map({"n": 1}), Text("t"))))

    def _edit_page(self, page: Any) -> None:
        rnd, size = self._rnd, len(page.children)
        if size and rnd.random() < 0.3:
            del page.children[rnd.randrange(size)]
        elif size and rnd.random() < 0.5:
            element = page.children[rnd.randrange(size)]
            if isinstance(element, XmlElement):
                element.attributes["class"] = rnd.choice(("a", "b"))
                element.children.append(XmlText("more"))
        else:
            page.children.insert(rnd.randrange(size + 1), XmlElement("p"))

    def _edit_comments(self, comments: Any) -> None:
        rnd, key = self._rnd, f"thread{self._rnd.randrange(3)}"
        kind = rnd.randrange(4)
        if kind == 0 or key not in comments:
            comments[key] = Map({"text": Text("hi"), "replies": Array([])})
        elif kind == 1:
            del comments[key]
        elif kind == 2:
            text = comments[key]["text"]
            text.insert(rnd.randrange(len(text) + 1), "reply ")
        else:
            comments[key]["replies"].append(Map({"by": "u"}))

    def receive(self, other: Client) -> None:
        """All that the other has; its losers of races are deleted here and in no update."""
        self.doc.apply_update(other.doc.get_update(self.doc.get_state()))


def history(rnd: random.Random, edits: int = 60) -> list[bytes]:
    """Updates of four clients that sync at times: shuffled a little, some merged, some twice."""
    clients = [Client(rnd) for _ in range(4)]
    order: list[bytes] = []
    for _ in range(edits):
        client = rnd.choice(clients)
        client.edit()
        order += client.sent
        client.sent = []
        if rnd.random() < 0.3:
            client.receive(rnd.choice(clients))
    for client in clients:
        client.receive(rnd.choice(clients))
        order.append(client.doc.get_update())
    order.sort(key=dict(zip(order, [i + rnd.uniform(0, 6) for i in range(len(order))], strict=True)).__getitem__)
    merged, i = [], 0
    while i < len(order):
        n = rnd.choice((1, 1, 1, 2, 5))
        merged.append(merge_updates(*order[i : i + n]) if n > 1 else order[i])
        i += n
    return merged + rnd.sample(merged, len(merged) // 4)


class Shadow:
    """A pycrdt document whose observers tell which roots changed."""

    def __init__(self) -> None:
        self.doc: Doc[Any] = Doc()
        self.changed: set[str] = set()
        self._subscriptions = [root.observe_deep(self._observer(name)) for name, root in open_roots(self.doc).items()]

    def _observer(self, name: str) -> Callable[[Any], None]:
        return lambda _: self.changed.add(name)

    def apply(self, update: bytes) -> set[str]:
        self.changed = set()
        self.doc.apply_update(update)
        return self.changed

    def is_level(self, r: Replica) -> bool:
        """Whether it has all that the replica has: it holds some back for longer."""
        vectors = [read_state_vector(vector) for vector in (self.doc.get_state(), r.state_vector())]
        return vectors[0] == vectors[1] and parse(r.encode())[1] <= self.dead()

    def dead(self) -> set[Id]:
        """The deletes that it knows, those that no update ever said among them."""
        units, dead = parse(self.doc.get_update())
        return dead | {id_ for id_, unit in units.items() if unit.kind in ("gc", "deleted")}


def root_of(id_: Id, units: dict[Id, Unit]) -> str | None:
    """The root that an id lies in, one id at a time; None for what lies in GC."""
    while True:
        unit = units[id_]
        if unit.kind == "gc":
            return None
        if isinstance(unit.parent, str):
            return unit.parent
        up = unit.origin or unit.right or unit.parent
        assert isinstance(up, tuple)
        id_ = up


def new_ids(model: Model, here: bytes, update: bytes) -> tuple[dict[Id, str | None], dict[Id, str | None]]:
    """The ids that an update adds and those that it deletes beyond what is encoded here, each with its root."""
    units, dead = parse(update)
    _, known = parse(here)
    everything = {**units, **model.units}
    added = {id_: root_of(id_, everything) for id_ in units.keys() - model.units.keys()}
    return added, {id_: root_of(id_, everything) for id_ in dead - known}


SEEDS = [*range(12), *[None] * 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_touched_roots_are_those_that_change(seed: int | None) -> None:
    """[C16] Every root that a reader sees change is touched. One that is touched without a change to be seen has
    nothing new but what is dead in the reader (it lost a race for a key, or its parent is deleted), formats, or deletes
    of what was dead there."""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    rnd = random.Random(seed)
    r, model, shadow = Replica(), Model(), Shadow()
    compared = 0
    for u in history(rnd):
        before = r.encode(), r.sidecar(), r.state_hash(), r.waiting_bytes
        seen = r.touched(u)
        assert survey_slowly(r, u) == seen
        assert (r.encode(), r.sidecar(), r.state_hash(), r.waiting_bytes) == before
        idle = not r.waiting_bytes
        dead_before = shadow.dead()
        level = shadow.is_level(r)
        added, deleted = ({}, {}) if seen.unresolved else new_ids(model, before[0], u)
        taken = r.take(u, 1) == TAKEN
        if idle:  # else what waited here may be what it lacked
            assert taken is not seen.unresolved
        assert taken or seen.unresolved
        r.news()
        model.take(u)
        changed = shadow.apply(u)
        dead = shadow.dead()
        if not seen.unresolved:
            # what came into a type that is dead and compacted lies nowhere here, and is dead in every reader
            written = {root for id_, root in added.items() if root in seen.written or id_ not in dead}
            was_dead = dead_before | added.keys()
            only_deleted = {root for id_, root in deleted.items() if root in seen.roots or id_ not in was_dead}
            assert seen.written == written - {None}
            assert seen.roots == (written | only_deleted) - {None}
            assert seen.clients == {client for client, _ in added}
        if idle and level and not seen.unresolved:
            compared += 1
            assert changed <= seen.roots
            for root in seen.roots - changed:
                for id_ in [id_ for id_, of in added.items() if of == root]:
                    assert id_ in dead or parse(u)[0][id_].kind == "format"
                assert {id_ for id_, of in deleted.items() if of == root} <= dead_before | added.keys()
        if rnd.random() < 0.1:
            compacted(r)
    assert compared > 10
    assert not r.waiting_bytes


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_unresolved_when_all_causes_are_here(seed: int | None) -> None:
    """[C16]"""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    rnd = random.Random(seed)
    updates = history(rnd)
    r = Replica()
    for u in updates:
        r.take(u, 1)
    r.news()
    if rnd.random() < 0.5:
        compacted(r)
    for u in [*updates, merge_updates(*rnd.sample(updates, 7))]:
        seen = r.touched(u)
        assert not seen.unresolved
        assert not seen.roots
        assert not seen.clients
    assert not Replica().touched(merge_updates(*updates)).unresolved


def mutated(rnd: random.Random, u: bytes) -> bytes:
    b = bytearray(u)
    for _ in range(rnd.choice((1, 1, 2, 4))):
        kind = rnd.randrange(4)
        at = rnd.randrange(len(b) + 1) if b else 0
        if kind == 0:
            del b[at : at + rnd.randrange(1, 4)]
        elif kind == 1:
            b[at:at] = rnd.randbytes(rnd.randrange(1, 4))
        elif at < len(b):
            b[at] = rnd.choice((rnd.randrange(256), b[at] ^ 1 << rnd.randrange(8), (b[at] + 1) % 256))
    return bytes(b)


def roots_since(r: Replica, ends: dict[int, int]) -> set[str]:
    """The roots of all that was integrated beyond these clocks."""
    store, roots = r._store, set()
    for client, lane in store.lanes.items():
        for clock in range(ends.get(client, 0), min(lane.end, ends.get(client, 0) + 2_000)):
            roots.add(store.ancestry.root(lane.container(clock)))
    return roots - {"\ud800"}


@pytest.mark.parametrize("seed", [1, 2, 3, None])
def test_mutated_updates_are_refused_or_told_as_they_are_taken(seed: int | None) -> None:
    """[C16] [C3] Malformed are the same bytes as for take; what is told resolved is taken, in these roots and no
    others."""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    rnd = random.Random(seed)
    updates = history(rnd, 40)
    outcomes = dict.fromkeys(("malformed", "resolved", "unresolved"), 0)
    for n in range(5_000):
        if n % 250 == 0:
            r = Replica()
            for u in rnd.sample(updates, len(updates) // 2):
                r.take(u, 1)
            r.forget(1)
            r.news()
        u = mutated(rnd, rnd.choice(updates))
        try:
            seen = r.touched(u)
        except MalformedUpdate:
            outcomes["malformed"] += 1
            with pytest.raises(MalformedUpdate) as refused:
                r.take(u, 1)
            assert not isinstance(refused.value, IdConflict)
            continue
        before = r.encode()
        outcomes["unresolved" if seen.unresolved else "resolved"] += 1
        ends = {client: lane.end for client, lane in r._store.lanes.items()}
        try:
            assert (r.take(u, 1) == TAKEN) is not seen.unresolved
        except MalformedUpdate as error:
            assert isinstance(error, IdConflict) or "different lists" in str(error)
            assert r.encode() == before
        assert roots_since(r, ends) <= seen.written
        r.forget(1)
        r.news()
    assert min(outcomes.values()) > 50, outcomes
