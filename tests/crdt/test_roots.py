"""Which roots a document has, and of which kind, from its bytes alone."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from motet import varint
from motet.crdt.roots import Kind, outline
from motet.errors import MalformedUpdate

DOCUMENTS = json.loads((Path(__file__).parent / "yjs_documents.json").read_text())
"""Made by Yjs: yjs_documents.mjs."""

KINDS = {
    "text": {"t": Kind.TEXT},
    "rich text": {"t": Kind.TEXT},
    "embeds only": {"t": Kind.TEXT},
    "text that begins with a type": {"t": Kind.TEXT},
    "map": {"m": Kind.MAP},
    "emptied map": {"m": Kind.MAP},
    "values": {"m": Kind.MAP},
    "array": {"a": Kind.ARRAY},
    "array of maps": {"a": Kind.ARRAY},
    "xml": {"prosemirror": Kind.XML},
    "xml hook": {"x": Kind.XML},
    "xml element as a root": {"e": Kind.XML},
    "lexical": {"root": Kind.XML},
    "empty": {},
    "every kind": {"text": Kind.TEXT, "map": Kind.MAP, "array": Kind.ARRAY, "xml": Kind.XML},
    "three peers": {"t": Kind.TEXT, "m": Kind.MAP},
}


def update_of(name: str) -> bytes:
    return bytes.fromhex(DOCUMENTS[name]["update"])


@pytest.mark.parametrize("name", KINDS)
def test_a_root_is_what_it_holds(name: str) -> None:
    """[D1]"""
    assert outline(update_of(name)).roots == KINDS[name]


def test_what_follows_a_deleted_beginning_decides_through_its_origins() -> None:
    """[D1] Only the deleted first letter names the root; the letter that lives inherits it."""
    assert outline(update_of("text whose first letters are deleted")).roots == {"t": Kind.TEXT}


def test_a_root_whose_content_is_all_deleted_is_reported_as_unknown() -> None:
    """[D1]"""
    assert outline(update_of("emptied text")).roots == {"t": Kind.UNKNOWN}


def test_deleted_content_that_is_still_there_decides() -> None:
    """[D1] A document with gc off keeps it."""
    assert outline(update_of("emptied text, not collected")).roots == {"t": Kind.TEXT}


def test_keys_beside_a_sequence_are_its_attributes() -> None:
    """[D1] Rich text with an attribute whose letters are all deleted is no map."""
    deleted, attribute = b"\1\1\1t\3", b"\x28\1\1t\4lang\1\x77\2en"
    assert outline(b"\1\2\7\0" + deleted + attribute + b"\0").roots == {"t": Kind.UNKNOWN}


def test_the_later_values_of_a_key_are_no_sequence() -> None:
    """[D1] They name neither the root nor the key: both are inherited."""
    first = b"\x28\1\1m\1k\1\x7d\1"
    second = b"\xa8\7\0\1\x7d\2"
    assert outline(b"\1\2\7\0" + first + second + b"\0").roots == {"m": Kind.MAP}


def test_the_state_vector_is_read_from_the_structs() -> None:
    doc = Doc(client_id=9)
    doc.get("t", type=Text).insert(0, "a😀")
    assert outline(doc.get_update()).ends == {9: 3}


def test_structs_under_nested_types_say_nothing_of_the_root() -> None:
    """[D1]"""
    doc = Doc()
    doc.get("m", type=Map)["text"] = Text("writing")
    doc.get("a", type=Array).append(Map({"text": Text("writing")}))
    doc.get("x", type=XmlFragment).children.append(XmlElement("p", {}, [XmlText("writing")]))
    assert outline(doc.get_update()).roots == {"m": Kind.MAP, "a": Kind.ARRAY, "x": Kind.XML}


def test_origins_in_a_circle_decide_nothing() -> None:
    text = b"\x84"
    one, other = text + b"\2\0\1a", text + b"\1\0\1b"
    assert outline(b"\2\1\1\0" + one + b"\1\2\0" + other + b"\0").roots == {}


@pytest.mark.parametrize(
    ("update", "why"),
    [
        ("010107ffffffff0f040107636f6e74656e740b68656c6c6f20776f726c6400", "begins at a high clock"),
        ("010109ffffffffffffff0f48071e0177017a00", "begins at a high clock"),
        ("01010700" + "0b" + "00", "content 11"),
        ("01010700" + "0a05" + "00", "a Skip"),
        ("0101070008010161ffffffff0f", "a count with no bytes behind it"),
        ("01010700" + "0401017405", "a string past the end"),
        ("ffffffffffffffffff01", "a number over 2**53"),
        ("", "nothing"),
        ("01010700" + "0801016101" + "7501" * 15_000 + "7e00", "a value nested 15,000 deep"),
    ],
)
def test_what_is_no_document_is_refused(update: str, why: str) -> None:
    """[D2]"""
    with pytest.raises(MalformedUpdate):
        outline(bytes.fromhex(update))


@pytest.mark.parametrize("seed", [1, 2, 3, None])
def test_changed_bytes_are_refused_or_read(seed: int | None) -> None:
    seed = random.randrange(1 << 30) if seed is None else seed
    dice = random.Random(seed)
    try:
        for name in DOCUMENTS:
            for _ in range(60):
                update = bytearray(update_of(name))
                for _ in range(dice.randint(1, 4)):
                    update[dice.randrange(len(update))] = dice.randrange(256)
                try:
                    outline(bytes(update[: dice.randint(1, len(update))]))
                except MalformedUpdate:
                    continue
    except BaseException:
        print("seed", seed)
        raise


def test_long_chains_of_origins_are_followed_once_each() -> None:
    """Each letter hangs on the one before in the other client's lane, first met from its far end."""
    count = 20_000
    lanes = []
    for client, other in ((1, 2), (2, 1)):
        items = [
            b"\x84" + varint.write(other) + varint.write(n if client == 1 else n - 1) + b"\1a"
            for n in range(0 if client == 1 else 1, count)
        ]
        if client == 2:
            items.insert(0, b"\4\1\1t\1a")
        lanes.append(varint.write(count) + varint.write(client) + b"\0" + b"".join(items))
    assert outline(b"\2" + b"".join(lanes) + b"\0").roots == {"t": Kind.TEXT}
