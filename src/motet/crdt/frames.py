"""What `Documents` and its worker say to each other over a pipe: length-prefixed frames of plain bytes, no pickle."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

MAX_FRAME = 256 << 20
"""Bytes. A document or an answer over it is refused, not sent: it is four times the default limit of a room."""

LENGTH = struct.Struct("!I")
"""In front of every frame: the bytes that follow."""

_REQUEST = struct.Struct("!BII")
_WHOLE = 0xFFFFFFFF
"""In place of the length of a root's name: the whole document."""


class View(Enum):
    """What to read out of a document; the answer is always a string."""

    JSON = 0
    """Texts as strings, without formats; see views.py for what JSON has no word for."""
    DELTA = 1
    """The same with each text as a list of `{"insert": …, "attributes": {…}}`, as Yjs's `toDelta`."""
    TEXT = 2
    """Every text in the document, a line each."""
    XML = 3
    """The roots that are texts or XML, as markup that a parser reads back; another asked for by name fails."""
    HASH = 4
    """The exact state hash (canonical.py)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One view of one document."""

    view: View
    root: str | None
    """None: the whole document."""
    seconds: int
    """Of processor time, after which the kernel ends the worker."""
    encoded: bytes
    """A Yjs v1 update: the whole document."""

    def encode(self) -> bytes:
        """The frame's body."""
        root = b"" if self.root is None else self.root.encode()
        size = _WHOLE if self.root is None else len(root)
        return b"".join((_REQUEST.pack(self.view.value, self.seconds, size), root, self.encoded))

    @staticmethod
    def decode(body: bytes) -> Request:
        """The request in a frame's body. It comes from our own parent: what does not fit is a bug, and raises."""
        view, seconds, size = _REQUEST.unpack_from(body)
        start = _REQUEST.size
        end = start if size == _WHOLE else start + size
        root = None if size == _WHOLE else body[start:end].decode()
        return Request(View(view), root, seconds, body[end:])


@dataclass(frozen=True, slots=True)
class Answer:
    """A view, or why there is none."""

    ok: bool
    text: str

    def encode(self) -> bytes:
        """The frame's body."""
        return (b"\1" if self.ok else b"\0") + self.text.encode()

    @staticmethod
    def decode(body: bytes) -> Answer:
        """The answer in a frame's body. A document may have subverted the worker: ValueError for what does not fit."""
        if body[:1] not in (b"\0", b"\1"):
            raise ValueError("no answer")
        return Answer(body[:1] == b"\1", body[1:].decode())
