"""What a document's views say, for documents that are harmless: read in this process."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from motet.crdt.frames import View
from motet.crdt.plain import MAX_LEVELS
from motet.crdt.views import read
from motet.errors import DocumentFailed

DOCUMENTS = json.loads((Path(__file__).parent / "yjs_documents.json").read_text())
"""Made by Yjs: yjs_documents.mjs."""


def see(name: str, view: View, root: str | None = None) -> str:
    return read(bytes.fromhex(DOCUMENTS[name]["update"]), view, root)


def as_json(name: str, root: str | None = None) -> object:
    return json.loads(see(name, View.JSON, root))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text", {"t": "naïve 😀 日本"}),
        ("text whose first letters are deleted", {"t": "b"}),
        ("rich text", {"t": "abc 😀 def"}),
        ("map", {"m": {"old": 1, "nested": {"text": "hi 😀", "array": [1, [2, {"x": None}]]}}}),
        ("emptied map", {"m": {}}),
        ("array of maps", {"a": [{"k": 1}, {}]}),
        ("every kind", {"text": "x", "map": {"k": 1}, "array": [1], "xml": "<p></p>"}),
        ("empty", {}),
    ],
)
def test_json_is_the_content_without_its_schema(name: str, content: object) -> None:
    """[D3]"""
    assert as_json(name) == content


def test_what_json_has_no_word_for_is_said_in_a_stated_way() -> None:
    """[D3]"""
    binary = {"$binary": "AP8="}
    plain = {"undef": None, "nil": None, "yes": True, "one": 1, "half": 0.5, "nan": None, "inf": None, "minus": 0}
    special = {"big": 2**62, "small": 5, "bytes": binary, "list": [None, None, {"$binary": "AQ=="}]}
    assert as_json("values") == {"m": plain | special | {"sub": {"$doc": "the-guid"}}}


def test_every_type_may_be_inside_an_array() -> None:
    """[D3]"""
    types = [1, "two", None, {"$binary": "CQ=="}, "text", {"k": []}, "<p></p>", "xml", {"$doc": "the-guid"}]
    assert as_json("array") == {"a": [*types, {"p": 1}, [1]]}


def test_json_is_the_same_text_for_the_same_content() -> None:
    """[D3]"""
    assert see("every kind", View.JSON) == '{"array":[1],"map":{"k":1},"text":"x","xml":"<p></p>"}'


def test_one_root_may_be_asked_for() -> None:
    """[D3]"""
    assert as_json("every kind", "map") == {"k": 1}
    assert see("every kind", View.TEXT, "text") == "x"
    assert see("every kind", View.XML, "xml") == "<p></p>"


def test_an_absent_root_is_an_empty_one() -> None:
    """[D3] As in Yjs, where asking for a root makes it."""
    assert [see("text", view, "nowhere") for view in (View.JSON, View.TEXT, View.XML)] == ["null", "", ""]


def test_a_root_that_tells_nothing_of_its_kind_is_null_and_has_no_text() -> None:
    """[D3]"""
    assert as_json("emptied text") == {"t": None}
    assert see("emptied text", View.TEXT) == ""


def test_delta_keeps_formats_and_embeds() -> None:
    """[D3]"""
    runs = json.loads(see("rich text", View.DELTA))["t"]
    bold, embed = {"bold": True}, {"insert": {"image": "x.png"}, "attributes": {"width": 1}}
    assert runs == [
        {"insert": "a"},
        {"insert": "bc", "attributes": bold},
        embed,
        {"insert": " 😀", "attributes": bold},
        {"insert": " def"},
    ]


def test_delta_shows_types_inside_a_text() -> None:
    """[D3]"""
    assert json.loads(see("text that begins with a type", View.DELTA)) == {
        "t": [{"insert": {"k": 1}}, {"insert": "after"}]
    }


def test_plain_text_is_every_text_a_line_each() -> None:
    """[D4]"""
    assert see("text", View.TEXT) == "naïve 😀 日本"
    assert see("map", View.TEXT) == "hi 😀"
    assert see("array", View.TEXT) == "text\nxml"
    assert see("xml", View.TEXT) == "Hé 😀 <b>&\nloose"
    assert see("lexical", View.TEXT) == "Hello"


def test_markup_nests_formats_and_is_escaped() -> None:
    """[D5]"""
    text = "<em><strong title='x\"y'>Hé</strong></em> 😀 &lt;b&gt;&amp;"
    assert see("xml", View.XML) == f'<heading data=\'{{"a":[1]}}\' level="1">{text}</heading>loose'


def test_markup_that_holds_anything_can_be_parsed() -> None:
    """[D5]"""
    doc = Doc()
    text = XmlText("a\x00\r<&")
    element = XmlElement("1 tag:é", {"a b": '"<\n', "a_b": "second", "": "none"}, [text])
    doc.get("x", type=XmlFragment).children.append(element)
    text.format(0, 1, {"colour": "red", "link to": {"href": "a&b"}})
    parsed = ElementTree.fromstring(read(doc.get_update(), View.XML, None))
    assert (parsed.tag, parsed.attrib) == ("_1_tag_é", {"_": "none", "a_b": "second"})
    assert "".join(parsed.itertext()) == "a\ufffd\r<&"
    colour = parsed.find("colour")
    assert colour is not None and colour.attrib == {"value": "red"}
    assert colour[0].tag == "link_to" and colour[0].attrib == {"href": "a&b"}


def test_a_text_has_markup_too_and_a_map_has_none() -> None:
    """[D5]"""
    assert see("rich text", View.XML) == "a<bold>bc</bold><bold> 😀</bold> def"
    with pytest.raises(DocumentFailed, match="map"):
        see("map", View.XML, "m")


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - {"xml hook"}))
def test_the_state_hash_is_yjs_s(name: str) -> None:
    """[D6]"""
    assert see(name, View.HASH) == DOCUMENTS[name]["hash"]


def test_a_document_of_which_the_engine_integrates_only_a_part_fails() -> None:
    """[D2] A view that leaves something out would be taken for the whole."""
    lacking = b"\1\1\7\0\x84\x08\0\1a\0"
    with pytest.raises(DocumentFailed, match="only a part"):
        read(lacking, View.JSON, None)


def test_nesting_is_read_to_a_stated_depth() -> None:
    """[D2]"""

    def nested(levels: int) -> bytes:
        doc = Doc()
        place = doc.get("m", type=Map)
        for _ in range(levels):
            place["k"] = inner = Map()
            place = inner
        return doc.get_update()

    assert read(nested(MAX_LEVELS), View.JSON, None).count("k") == MAX_LEVELS
    for view in (View.JSON, View.DELTA, View.TEXT):
        with pytest.raises(DocumentFailed, match="nested"):
            read(nested(MAX_LEVELS + 1), view, None)


def test_what_pycrdt_reads_is_what_the_view_says() -> None:
    """[D3]"""
    doc = Doc()
    doc.get("t", type=Text).insert(0, "e\u0301 👩‍👩‍👧 ﷽")
    doc.get("m", type=Map).update({"n": 2**31, "tiny": 5e-324, "s": '"\\\n', "l": Array([1, Text("in")])})
    assert json.loads(read(doc.get_update(), View.JSON, None)) == {
        "t": str(doc.get("t", type=Text)),
        "m": doc.get("m", type=Map).to_py(),
    }
