"""Updates made from plain files: how a room is seeded from a template, and what `motet import` reads.

The same content gives the same bytes, on every machine and in every version, and so does no harm when it comes twice:
the client id is made from the content, above all that Yjs draws (32 bits). No engine is involved.

A .json file is an object of roots. A root is a string (a text), an object (a map), an array, or null (nothing). What is
in a map or an array is a plain value, unless it is an object with one of these keys alone, which makes it a type:
`{"$text": string or delta}`, `{"$map": {…}}`, `{"$array": […]}`, `{"$xml": [node, …]}`; a root may be one too. A plain
value may hold `{"$binary": base64}`. A delta is a list of `{"insert": string or embed, "attributes": {…}}`. A node is a
string, a `$text`, or `{"tag": …, "attributes": {…}, "children": [node, …]}`. A .txt file is the text root `text`.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Never

from motet import varint
from motet.crdt.plain import Json, dumps
from motet.errors import ConfigError

TEXT_ROOT = "text"
"""Where a .txt file goes."""

# The numbers of Yjs's types and contents, and of lib0's plain values.
_ARRAY, _MAP, _TEXT, _ELEMENT, _FRAGMENT, _XML_TEXT = 0, 1, 2, 3, 4, 6
_STRING, _EMBED, _FORMAT, _TYPE, _ANY = 4, 5, 6, 7, 8
_TYPES = {"$text": _TEXT, "$map": _MAP, "$array": _ARRAY, "$xml": _FRAGMENT}


def update_of_file(path: Path) -> bytes:
    """The Yjs v1 update in a file, or made from its .json or .txt. Raises ConfigError when it cannot be."""
    try:
        if path.suffix == ".json":
            return update_of_json(json.loads(path.read_text("utf-8"), parse_constant=_no_constant))
        if path.suffix == ".txt":
            return update_of_json({TEXT_ROOT: path.read_text("utf-8")})
        return path.read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error


def update_of_json(template: Json) -> bytes:
    """The Yjs v1 update of the roots in a template, in the form above. Raises ConfigError."""
    if not isinstance(template, dict):
        raise ConfigError("a template is an object of roots")
    try:
        digest = sha256(dumps(template).encode()).digest()
        builder = _Builder(client=(1 << 32) + int.from_bytes(digest[:6], "big"))
        for name in sorted(template):
            builder.root(name, template[name])
    except (ValueError, OverflowError) as error:  # half a surrogate pair, no base64, an integer over 64 bits
        raise ConfigError(str(error)) from error
    return builder.update()


@dataclass(slots=True)
class _Place:
    """Where the next struct goes: under a key of its parent, or after the last that went here."""

    parent: bytes
    key: str | None = None
    left: int | None = None
    """The clock of that last one."""


class _Builder:
    """One client's structs. Children follow their parent, and each its left neighbour: nothing refers ahead."""

    def __init__(self, client: int) -> None:
        self._client = varint.write(client)
        self._clock = 0
        self._structs: list[bytes] = []

    def update(self) -> bytes:
        if not self._structs:
            return b"\0\0"
        return b"".join((b"\1", varint.write(len(self._structs)), self._client, b"\0", *self._structs, b"\0"))

    def root(self, name: str, value: Json) -> None:
        parent = b"\1" + _string(name)
        kind, inner = _shared(value)
        if kind is not None:
            self._fill(parent, kind, inner)
        elif isinstance(value, str):
            self._fill(parent, _TEXT, value)
        elif isinstance(value, dict):
            self._fill(parent, _MAP, value)
        elif isinstance(value, list):
            self._fill(parent, _ARRAY, value)
        elif value is not None:
            raise ConfigError(f"the root {name!r} is no text, map, array or XML")

    def _fill(self, parent: bytes, kind: int, value: Json) -> None:
        """The children of a shared type."""
        if kind == _MAP and isinstance(value, dict):
            for key in sorted(value):
                self._values(_Place(parent, key), [value[key]])
        elif kind == _ARRAY and isinstance(value, list):
            self._values(_Place(parent), value)
        elif kind == _FRAGMENT and isinstance(value, list):
            self._nodes(_Place(parent), value)
        elif kind in (_TEXT, _XML_TEXT) and isinstance(value, (str, list)):
            self._runs(_Place(parent), [{"insert": value}] if isinstance(value, str) else value)
        else:
            raise ConfigError(f"{_short(value)} is not what its type holds")

    def _values(self, place: _Place, values: list[Json]) -> None:
        """Plain values, those beside each other in one struct, and shared types."""
        for plain, run in groupby(values, key=lambda value: _shared(value)[0] is None):
            if plain:
                items = [_any(value) for value in run]
                self._item(place, _ANY, varint.write(len(items)) + b"".join(items), len(items))
            else:
                for value in run:
                    kind, inner = _shared(value)
                    assert kind is not None
                    self._fill(self._type(place, kind), kind, inner)

    def _runs(self, place: _Place, delta: list[Json]) -> None:
        """A delta. A format begins before its run and ends, as null, where the next has it no more."""
        now: dict[str, Json] = {}
        end: Json = {"insert": ""}
        for op in [*delta, end]:
            if (
                not isinstance(op, dict)
                or not isinstance(formats := op.get("attributes", {}), dict)
                or "insert" not in op
            ):
                raise ConfigError(f"{_short(op)} is no part of a delta")
            for key in sorted({*now, *formats}):
                if now.get(key) != formats.get(key):
                    self._item(place, _FORMAT, _string(key) + _string(dumps(formats.get(key))))
            now = formats
            content = op["insert"]
            if not isinstance(content, str):
                self._embed(place, content)
            elif content:
                self._item(place, _STRING, _string(content), len(content.encode("utf-16-le")) >> 1)

    def _embed(self, place: _Place, value: Json) -> None:
        if _shared(value)[0] is None:
            self._item(place, _EMBED, _string(dumps(value)))
        else:
            self._values(place, [value])

    def _nodes(self, place: _Place, nodes: list[Json]) -> None:
        for node in nodes:
            kind, inner = _shared(node)
            if isinstance(node, str) or kind == _TEXT:
                self._fill(self._type(place, _XML_TEXT), _XML_TEXT, node if isinstance(node, str) else inner)
            elif isinstance(node, dict) and isinstance(tag := node.get("tag"), str):
                element = self._type(place, _ELEMENT, _string(tag))
                self._fill(element, _MAP, node.get("attributes", {}))
                self._fill(element, _FRAGMENT, node.get("children", []))
            else:
                raise ConfigError(f"{_short(node)} is no node")

    def _type(self, place: _Place, kind: int, tag: bytes = b"") -> bytes:
        """A shared type; returns how its children name it as their parent."""
        parent = b"\0" + self._client + varint.write(self._clock)
        self._item(place, _TYPE, bytes((kind,)) + tag)
        return parent

    def _item(self, place: _Place, content: int, body: bytes, length: int = 1) -> None:
        if place.left is not None:
            head = bytes((content | 128,)) + self._client + varint.write(place.left)
        elif place.key is not None:
            head = bytes((content | 32,)) + place.parent + _string(place.key)
        else:
            head = bytes((content,)) + place.parent
        self._structs.append(head + body)
        self._clock += length
        place.left = self._clock - 1


def _shared(value: Json) -> tuple[int | None, Json]:
    """The type that an object stands for, and what is in it; None and the value itself for a plain one."""
    if isinstance(value, dict) and len(value) == 1:
        (tag, inner), *_ = value.items()
        if tag in _TYPES:
            return _TYPES[tag], inner
    return None, value


def _any(value: Json) -> bytes:
    """lib0's `writeAny`."""
    if value is None or isinstance(value, bool):
        return b"\x7e" if value is None else b"\x78" if value else b"\x79"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return b"\x7b" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x77" + _string(value)
    if isinstance(value, list):
        return b"\x75" + varint.write(len(value)) + b"".join(map(_any, value))
    if _shared(value)[0] is not None:
        raise ConfigError(f"{_short(value)} is inside a plain value: make that a $map or an $array")
    if value.keys() == {"$binary"} and isinstance(encoded := value["$binary"], str):
        return b"\x74" + varint.write_bytes(b64decode(encoded, validate=True))
    return b"\x76" + varint.write(len(value)) + b"".join(_string(key) + _any(value[key]) for key in sorted(value))


def _integer(n: int) -> bytes:
    """As JavaScript would: a short integer, a double, or beyond what a double holds exactly a BigInt."""
    size = abs(n)
    if size >= 1 << 31:
        exact = size <= varint.MAX_SAFE
        return b"\x7b" + struct.pack(">d", n) if exact else b"\x7a" + n.to_bytes(8, "big", signed=True)
    first = size & 63 | (64 if n < 0 else 0)
    return b"\x7d" + (bytes((first,)) if size < 64 else bytes((first | 128,)) + varint.write(size >> 6))


def _string(text: str) -> bytes:
    return varint.write_bytes(text.encode())


def _short(value: Json) -> str:
    return dumps(value)[:60]


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")
