"""A replica of one room as a client holds it: a real Yjs document (pycrdt), edited at random.

Every edit that adds carries a mark, `<123>`, in its content: whose bytes travel where can be read off any message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText
from pycrdt import Snapshot as YSnapshot

from motet.crdt.canonical import snapshot_hash
from motet.crdt.frames import View
from motet.crdt.replica import SLOW
from motet.crdt.replica.scan import scan
from motet.crdt.views import read
from motet.simulation.ports import Timers

if TYPE_CHECKING:
    from pycrdt import TransactionEvent

CONTENT: Final = "content"
"""The lane of every root but one."""
COMMENTS: Final = "comments"
"""The lane of the root of that name, and the root."""
LANES: Final = (CONTENT, COMMENTS)

_NOTHING: Final = b"\0\0"
"""The update of a transaction that changed nothing."""
_KEYS: Final = tuple(f"key{n}" for n in range(6))
"""Few keys, so that sets of one key are often concurrent."""
_TAGS: Final = ("p", "h1", "li")
_FORMATS: Final = ("bold", "italic", "link")

_LONG_TEXT, _MANY = 4_000, 40
"""Beyond so many UTF-16 units, or children, an edit rather deletes: what a document holds costs every later edit."""
_PADDING: Final = 2 * SLOW
_RARELY, _OFTEN = 0.004, 0.25


class Edit(NamedTuple):
    """One local transaction: the ids it made, `length` from `clock` on, and what it deleted, `(client, clock, length)`.

    `marks` are in what it added; another step of it may have split or deleted one. `at` is in virtual seconds."""

    marks: tuple[int, ...]
    lane: str
    client: int
    clock: int
    length: int
    deletes: tuple[tuple[int, int, int], ...]
    at: float


class Device:
    """A page with a document in it. It outlives its client: what is edited without a connection waits in it.

    `rnd` chooses the edits; `marks` is shared by all devices of a world. Raises what pycrdt raises on a bad update.
    """

    def __init__(self, room: str, client: int, rnd: Random, marks: Iterator[int], timers: Timers) -> None:
        self.room = room
        self.on_edit: Callable[[Edit, bytes], None] | None = None
        """Is given every edit with its update: by the client that shows this document."""
        self.unsaved: list[Edit] = []
        """Those that no client of it has called saved: Hocuspocus keeps it, y-websocket knows nothing of it."""
        self._rnd = rnd
        self._marks = marks
        self._timers = timers
        self._update = _NOTHING
        self._made: list[int] = []
        self._open(client)

    def _open(self, client: int) -> None:
        self.client = client
        """Yjs's id of this replica."""
        self._clock = 0
        self._doc: Doc[Any] = Doc(client_id=client)
        self._text = self._doc.get(CONTENT, type=Text)
        self._board: Map[Any] = self._doc.get("board", type=Map)
        self._list: Array[Any] = self._doc.get("list", type=Array)
        self._page = self._doc.get("page", type=XmlFragment)
        self._comments: Array[Any] = self._doc.get(COMMENTS, type=Array)

    def fresh(self, client: int) -> None:
        """The page was loaded anew, with what its browser had stored: the same content under a new client id."""
        stored = self._doc.get_update()
        self._open(client)
        self._doc.apply_update(stored)

    def _observed(self, event: TransactionEvent) -> None:
        self._update = event.update

    # ---- what a client does with it

    def apply(self, update: bytes) -> None:
        """An update from the server."""
        self._doc.apply_update(update)

    def state_vector(self) -> bytes:
        """Encoded, as sync step 1 carries it."""
        return self._doc.get_state()

    def update_since(self, state_vector: bytes) -> bytes:
        """What a holder of this state vector lacks, and every delete: the answer to sync step 1."""
        return self._doc.get_update(state_vector)

    # ---- what a judge asks

    def content(self) -> str:
        """All roots as canonical JSON: texts with their formats, XML as markup. Equal in replicas that converged."""
        return read(self._doc.get_update(), View.DELTA, None)

    def state_hash(self) -> str:
        """As motet.crdt.canonical."""
        return snapshot_hash(YSnapshot.from_doc(self._doc).encode())

    # ---- edits

    def edit(self, lane: str | None = None) -> Edit | None:
        """One transaction of a random kind, in this lane or in any; None if it came to nothing."""
        if lane is None:
            lane = COMMENTS if self._rnd.random() < _OFTEN else CONTENT
        self._update, self._made = _NOTHING, []
        # For no longer: pycrdt holds observers where the garbage collector does not look, and this one holds the world.
        watching = self._doc.observe(self._observed)
        try:
            with self._doc.transaction():
                self._change(lane)
        finally:
            self._doc.unobserve(watching)
        if self._update == _NOTHING:
            return None
        edit = self._edit(lane)
        if self.on_edit is not None:
            self.on_edit(edit, self._update)
        return edit

    def _edit(self, lane: str) -> Edit:
        blocks, deletions = scan(self._update, {})
        start = self._clock
        if blocks:
            # A fresh id has its first block at 0; a device that was given an id again goes on where it was.
            structs = blocks[0][1]
            start, self._clock = structs[0][0], structs[-1][0] + structs[-1][1]
        deletes = tuple((client, a, z - a) for client, a, z in deletions)
        return Edit(tuple(self._made), lane, self.client, start, self._clock - start, deletes, self._timers.now())

    def _change(self, lane: str) -> None:
        """One step, and now and then more of them."""
        if lane == COMMENTS:
            self._comment()
        else:
            self._rnd.choices(_STEPS, _WEIGHTS)[0](self)
        if self._rnd.random() < _OFTEN:
            self._change(lane)

    def _mark(self) -> str:
        """New content."""
        number = next(self._marks)
        self._made.append(number)
        mark = f"<{number}>"
        return mark if self._rnd.random() >= _RARELY else mark + "." * self._rnd.randrange(_PADDING)

    def _type(self) -> None:
        size = len(self._text)
        if size > _LONG_TEXT:
            self._erase()
            return
        text = self._mark()
        at = self._rnd.randint(0, size)
        self._text.insert(at, text)
        if self._rnd.random() < _OFTEN:
            # One format at a time: of several that pycrdt sets or ends at once the order is random.
            self._text.format(at, at + len(text), {self._rnd.choice(_FORMATS): True})

    def _erase(self) -> None:
        size = len(self._text)
        if size:
            start = self._rnd.randrange(size)
            most = 40 if size < _LONG_TEXT else size
            del self._text[start : min(size, start + self._rnd.randint(1, most))]

    def _format(self) -> None:
        size = len(self._text)
        if size:
            start = self._rnd.randrange(size)
            end = min(size, start + self._rnd.randint(1, 20))
            self._text.format(start, end, {self._rnd.choice(_FORMATS): self._rnd.choice((True, None))})

    def _move(self) -> None:
        """Cuts some text and pastes it elsewhere: what was `<12>` is made anew by another client, without a mark."""
        self._erase()
        self._type()

    def _set(self) -> None:
        key = self._rnd.choice(_KEYS)
        if key in self._board and self._rnd.random() < _OFTEN:
            del self._board[key]
            return
        self._board[key] = self._mark()

    def _put(self) -> None:
        self._fill(self._list)

    def _comment(self) -> None:
        self._fill(self._comments)

    def _fill(self, array: Array[Any]) -> None:
        """Inserts into or deletes from an array, or sets a key of a map that is in it."""
        size = len(array)
        if size and (size > _MANY or self._rnd.random() < _OFTEN):
            start = self._rnd.randrange(size)
            del array[start : min(size, start + self._rnd.randint(1, 3 if size <= _MANY else size))]
            return
        text = self._mark()
        chosen = array[self._rnd.randrange(size)] if size and self._rnd.random() < _OFTEN else None
        if isinstance(chosen, Map):
            chosen[self._rnd.choice(_KEYS)] = text
        else:
            value: object = Map({"by": text}) if self._rnd.random() < _OFTEN else text
            array.insert(self._rnd.randint(0, size), value)

    def _write_xml(self) -> None:
        """Inserts or deletes an element, sets or deletes an attribute, or adds a text to an element."""
        children = self._page.children
        size = len(children)
        if size and (size > _MANY or self._rnd.random() < _OFTEN):
            del children[self._rnd.randrange(size)]
            return
        element = children[self._rnd.randrange(size)] if size and self._rnd.random() < 0.5 else None
        key = self._rnd.choice(_KEYS)
        if isinstance(element, XmlElement) and key in element.attributes:
            del element.attributes[key]
            return
        text = self._mark()
        if not isinstance(element, XmlElement):
            children.insert(self._rnd.randint(0, size), XmlElement(self._rnd.choice(_TAGS), {"id": text}))
        elif self._rnd.random() < 0.5:
            element.children.append(XmlText(text))
        else:
            element.attributes[key] = text


_STEPS: Final[tuple[Callable[[Device], None], ...]] = (
    Device._type,
    Device._erase,
    Device._format,
    Device._move,
    Device._set,
    Device._put,
    Device._write_xml,
)
_WEIGHTS: Final = (10, 4, 1, 1, 4, 3, 3)
