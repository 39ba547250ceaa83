"""Views of a document without its schema: JSON, text, XML, the state hash. Runs in the worker only: pycrdt can crash.

What JSON has no word for: bytes are `{"$binary": base64}` and a subdocument is `{"$doc": guid}`; undefined, NaN and the
infinities are null, as in `JSON.stringify`; a BigInt is an integer; XML is a string of markup; a root that tells
nothing of its kind (all it held is deleted) is null. Keys are sorted, so that the same content gives the same bytes.
Texts are read whole and never sliced: pycrdt counts UTF-8 bytes, and a slice that begins inside a character corrupts.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from pycrdt import Array, Doc, Map, Snapshot, Text, XmlElement, XmlFragment, XmlText

from motet.crdt.canonical import snapshot_hash
from motet.crdt.frames import View
from motet.crdt.markup import markup
from motet.crdt.plain import Json, check_depth, dumps, plain
from motet.crdt.replica import read_state_vector
from motet.crdt.roots import Kind, Outline, outline
from motet.errors import DocumentFailed

_TYPES = {Kind.TEXT: Text, Kind.MAP: Map, Kind.ARRAY: Array, Kind.XML: XmlFragment}


def read(encoded: bytes, view: View, root: str | None) -> str:
    """A view of the document (a Yjs v1 update), or of one of its roots; HASH is of the document whatever the root.

    An absent root is an empty one, as in Yjs: JSON null, and no text. Raises MalformedUpdate for bytes that are no
    update, DocumentFailed for a document that cannot be read wholly; whatever else pycrdt raises is its own failure.
    """
    plan = outline(encoded)
    doc: Doc[Any] = Doc()
    doc.apply_update(encoded)
    if read_state_vector(doc.get_state()) != {client: end for client, end in plan.ends.items() if end}:
        raise DocumentFailed("the engine could integrate only a part of the document")
    if view is View.HASH:
        return snapshot_hash(Snapshot.from_doc(doc).encode())
    names = sorted(plan.roots) if root is None else [root]
    with doc.transaction():
        roots = {name: _root(doc, plan, name) for name in names}
        if view is View.TEXT:
            return "\n".join(line for value in roots.values() for line in _lines(value, 0))
        if view is View.XML:
            if root is not None and isinstance(roots[root], (Map, Array)):
                raise DocumentFailed(f"the root is no markup but {plan.roots[root].value}")
            return "".join(markup(value, 0) for value in roots.values() if isinstance(value, (Text, XmlFragment)))
        values = {name: _json(value, view is View.DELTA, 0) for name, value in roots.items()}
    return dumps(values if root is None else values[root])


def _root(doc: Doc[Any], plan: Outline, name: str) -> object:
    """The root as the type that it is; None for one that is absent or tells nothing."""
    kind = _TYPES.get(plan.roots.get(name, Kind.UNKNOWN))
    return None if kind is None else doc.get(name, type=kind)


def _json(value: object, delta: bool, depth: int) -> Json:
    """A shared type, and what is in it, as JSON."""
    check_depth(depth)
    if isinstance(value, Text):
        return _delta(value, depth) if delta else str(value)
    if isinstance(value, Map):
        return {key: _json(item, delta, depth + 1) for key, item in value.items()}
    if isinstance(value, Array):
        return [_json(item, delta, depth + 1) for item in _items(value)]
    if isinstance(value, (XmlFragment, XmlElement, XmlText)):
        return markup(value, depth)
    if isinstance(value, Doc):
        return {"$doc": value.guid}
    return plain(value, depth)


def _delta(text: Text, depth: int) -> list[Json]:
    ops: list[Json] = []
    for content, formats in text.diff():
        op: dict[str, Json] = {"insert": _json(content, True, depth + 1)}
        if formats:
            op["attributes"] = plain(formats, depth + 1)
        ops.append(op)
    return ops


def _items(array: Array[object]) -> Iterator[object]:
    # pycrdt walks to the n-th element: 16,000 that were inserted one by one take 0.8 s, twice as many four times that.
    return (array[n] for n in range(len(array)))


def _lines(value: object, depth: int) -> Iterator[str]:
    """Every text in a shared type, in order (a map's by its keys)."""
    check_depth(depth)
    inner: list[object] = []
    if isinstance(value, (Text, XmlText)):
        content = [part for part, _ in value.diff()]
        if line := "".join(part for part in content if isinstance(part, str)):
            yield line
        inner = [part for part in content if not isinstance(part, str)]
    elif isinstance(value, Map):
        inner = [item for _, item in sorted(value.items(), key=itemgetter(0))]
    elif isinstance(value, Array):
        inner = list(_items(value))
    elif isinstance(value, (XmlFragment, XmlElement)):
        inner = list(value.children)
    for part in inner:
        yield from _lines(part, depth + 1)
