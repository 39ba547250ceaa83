"""Shared texts and XML as markup. Runs in the worker only.

It is Yjs's `toString` but for what a parser could not read back: text and attributes are escaped; a name has "_" for
all but letters (of Latin-1), digits, "_", "-" and "."; characters that XML cannot hold are U+FFFD; a value that is no
string is written as JSON; a format whose value is neither true nor an object keeps it in an attribute `value`.
Embedded objects are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from pycrdt import Text, XmlElement, XmlFragment, XmlText

from motet.crdt.plain import check_depth, dumps, plain

_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff"
_NOT_IN_NAMES = re.compile(f"[^{_LETTERS}0-9_.-]|^(?=[^{_LETTERS}_])")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Node = Text | XmlText | XmlElement | XmlFragment


def markup(node: Node, depth: int) -> str:
    """The node and all in it. Raises DocumentFailed where it is nested too deep."""
    check_depth(depth)
    if isinstance(node, (Text, XmlText)):
        return "".join(_run(content, formats, depth) for content, formats in node.diff())
    inner = "".join([markup(child, depth + 1) for child in node.children])
    if isinstance(node, XmlFragment):
        return inner
    tag = _name(node.tag or "")
    return f"<{tag}{_attributes(node.attributes.__iter__())}>{inner}</{tag}>"


def _run(content: object, formats: Mapping[str, object] | None, depth: int) -> str:
    """A part of a text inside its formats: the first by name is the outermost, as in Yjs."""
    if isinstance(content, str):
        out = escape(_legal(content), {"\r": "&#13;"})
    elif isinstance(content, (Text, XmlText, XmlElement, XmlFragment)):
        out = markup(content, depth + 1)
    else:
        return ""
    for key, value in sorted((formats or {}).items(), reverse=True):
        tag = _name(key)
        attributes = value if isinstance(value, dict) else {} if value is True else {"value": value}
        out = f"<{tag}{_attributes(attributes.items())}>{out}</{tag}>"
    return out


def _attributes(attributes: Iterable[tuple[str, object]]) -> str:
    # Two keys may become one name, and a parser refuses an attribute that is there twice: the last by key stays.
    named = {_name(key): value for key, value in sorted(attributes)}
    return "".join(f" {name}={_quoted(value)}" for name, value in named.items())


def _quoted(value: object) -> str:
    return quoteattr(_legal(value if isinstance(value, str) else dumps(plain(value, 0))), {"\r": "&#13;"})


def _name(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name) or "_"


def _legal(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
