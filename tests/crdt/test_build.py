"""Updates made from plain files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pycrdt import Array, Doc, Map, Text, XmlFragment

from motet.crdt import Replica, View, update_of_file, update_of_json
from motet.crdt.plain import Json
from motet.crdt.roots import outline
from motet.crdt.views import read
from motet.errors import ConfigError

EVERYTHING: Json = {
    "title": "Hé 😀",
    "nothing": None,
    "map": {
        "plain": {
            "list": [1, -1, 63, 64, -64, 2**31 - 1, 2**31, -(2**31), 2**53, -(2**62), 0.5],
            "yes": True,
            "no": None,
        },
        "bytes": {"$binary": "AP8="},
        "nested": {"$map": {"text": {"$text": "in"}, "array": {"$array": [[], {}]}}},
    },
    "array": [1, "two", {"$map": {"k": 1}}, {"$text": "three"}, None, False],
    "rich": {
        "$text": [
            {"insert": "ab", "attributes": {"b": True}},
            {"insert": "😀", "attributes": {"b": True, "link": {"href": "x"}}},
            {"insert": "plain"},
            {"insert": {"image": "q"}, "attributes": {"width": 1}},
            {"insert": {"$map": {"q": 1}}},
        ]
    },
    "page": {
        "$xml": [
            {"tag": "heading", "attributes": {"level": 1}, "children": ["Hi & ", {"tag": "hr"}]},
            {"$text": [{"insert": "loose", "attributes": {"em": True}}]},
        ]
    },
}


def test_a_template_becomes_what_it_says() -> None:
    """[D9]"""
    update = update_of_json(EVERYTHING)
    content = json.loads(read(update, View.DELTA, None))
    assert isinstance(EVERYTHING, dict) and isinstance(EVERYTHING["map"], dict)
    assert content["map"]["plain"] == EVERYTHING["map"]["plain"]
    assert content["map"]["bytes"] == {"$binary": "AP8="}
    assert content["map"]["nested"] == {"text": [{"insert": "in"}], "array": [[], {}]}
    assert content["array"] == [1, "two", {"k": 1}, [{"insert": "three"}], None, False]
    assert content["title"] == [{"insert": "Hé 😀"}]
    assert content["rich"][:4] == EVERYTHING["rich"]["$text"][:4]  # type: ignore[index, call-overload]
    assert content["rich"][4] == {"insert": {"q": 1}}
    assert content["page"] == '<heading level="1">Hi &amp; <hr></hr></heading><em>loose</em>'
    assert "nothing" not in content


def test_the_types_are_the_ones_that_editors_use() -> None:
    """[D9]"""
    doc = Doc()
    doc.apply_update(update_of_json(EVERYTHING))
    types = {"title": Text, "rich": Text, "map": Map, "array": Array, "page": XmlFragment}
    assert {name: type(root) for name, root in doc.items() if name not in types} == {}
    for name, kind in types.items():
        assert isinstance(doc.get(name, type=kind), kind)
    assert isinstance(doc.get("map", type=Map)["nested"], Map)


def test_the_same_content_gives_the_same_bytes_whatever_its_layout() -> None:
    """[D9] Pinned: a later version that wrote other bytes would double what an earlier one seeded."""
    update = update_of_json({"b": {"y": 1, "x": 2}, "a": "hi"})
    assert update == update_of_json(json.loads('{ "a":  "hi", "b":{"x":2,"y":1}}'))
    assert update.hex() == "0103eacce8e889b92b0004010161026869280101620178017d02280101620179017d0100"


def test_merged_twice_it_is_there_once() -> None:
    """[D9]"""
    update = update_of_json(EVERYTHING)
    replica = Replica()
    assert [replica.take(update, 1), replica.take(update_of_json(EVERYTHING), 2)] == [0, 0]
    assert replica.encode() == update
    assert replica.state_hash() == read(update, View.HASH, None)


def test_different_contents_have_different_clients_above_those_that_yjs_draws() -> None:
    """[D9]"""
    clients = {client for text in ("one", "two") for client in outline(update_of_json({"t": text})).ends}
    assert len(clients) == 2
    assert all(1 << 32 <= client < 1 << 53 for client in clients)


def test_two_templates_merge() -> None:
    """[D9]"""
    replica = Replica()
    replica.take(update_of_json({"t": "one"}), 1)
    replica.take(update_of_json({"m": {"k": 1}}), 1)
    assert json.loads(read(replica.encode(), View.JSON, None)) == {"t": "one", "m": {"k": 1}}


def test_what_holds_nothing_is_the_empty_update() -> None:
    assert update_of_json({}) == update_of_json({"t": "", "m": {}, "n": None}) == b"\0\0"


@pytest.mark.parametrize(
    "template",
    [
        [],
        {"root": 1},
        {"root": {"$map": []}},
        {"root": {"$text": [{"attributes": {}}]}},
        {"root": {"$xml": ["text", {"tag": 1}]}},
        {"root": {"k": {"plain": {"$text": "inside a plain value"}}}},
        {"root": {"k": {"$binary": "no base64!"}}},
        {"root": {"k": 2**64}},
        {"root": "half a pair: \ud83d"},
    ],
)
def test_what_means_nothing_is_refused(template: Json) -> None:
    """[D9]"""
    with pytest.raises(ConfigError):
        update_of_json(template)


def test_files_are_read_by_their_ending(tmp_path: Path) -> None:
    """[D9]"""
    update = update_of_json({"text": "naïve\n"})
    contents = {"a.txt": "naïve\n".encode(), "a.json": '{"text": "naïve\\n"}'.encode(), "a.yjs": update, "a": update}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert update_of_file(tmp_path / name) == update


@pytest.mark.parametrize("content", [b'{"n": NaN}', b"{", b'"\xff"', b"[" * 100_000])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.json"):
        update_of_file(tmp_path / "bad.json")
    with pytest.raises(ConfigError, match=r"absent\.yjs"):
        update_of_file(tmp_path / "absent.yjs")
