"""Who someone is, and how that is written into what their clients say of themselves.

The text is spliced, not read and written again: 1e400, 1.0 and 20-digit integers are not the same in every language, so
what is the client's own keeps its bytes. Names of fields are compared as they are read: "\\u0075ser" is "user".
"""

from __future__ import annotations

import json
from typing import NamedTuple

from motet.errors import ProtocolViolation
from motet.presence.awareness import GONE, JSON, NOT_JSON, WHITESPACE, is_gone


class Identity(NamedTuple):
    """Who a connection belongs to, as its grant says."""

    user: str
    """The user's id; "" in an open room, where nobody is anybody and nothing is stamped."""
    name: str
    """As others see it; the id stands in for a name that is ""."""
    color: str
    """A CSS color; "" leaves the client its own."""


class _Field(NamedTuple):
    name: str
    text: str
    """Name and value, as they were sent."""
    value: str


class Stamp:
    """An identity, ready to be written into states."""

    __slots__ = ("_names", "_text", "_user", "_user_stamped")

    def __init__(self, identity: Identity) -> None:
        fields = {"id": identity.user, "name": identity.name or identity.user}
        if identity.color:
            fields["color"] = identity.color
        self._names = frozenset(fields)
        self._text = json.dumps(fields, separators=(",", ":"))[1:-1]  # ASCII: half a surrogate pair cannot hurt
        # The last `user` that was stamped: it stays the same while a cursor moves, which saves 3 of 10 µs.
        self._user = ""
        self._user_stamped = f'"user":{{{self._text}}}'

    def mark(self, state: bytes) -> bytes:
        """The state with the identity in its `user`, which comes last, and the identity last in it; or GONE for null.

        So whoever is asked finds this identity: parsers that take the first of two equal names find one, and those that
        ignore case and take the last find this one. Own fields also hide what an own `__proto__` brings to a copy.

        The result is longer than the state by the identity and 10 bytes at most. Raises ProtocolViolation for a state
        that is not JSON, or neither an object nor null.
        """
        try:
            text = state.decode().strip(WHITESPACE)
            if not text.startswith("{"):
                if is_gone(state):
                    return GONE
                raise ProtocolViolation("a presence state in an authenticated room is an object or null")
            fields, end = _fields(text)
            if end < len(text):
                raise ValueError("more after the value")
        except (ValueError, IndexError, RecursionError) as error:
            raise ProtocolViolation(NOT_JSON) from error
        user = ""
        kept = []
        for field in fields:
            if field.name == "user":
                user = field.value  # the last of several is the one that JSON.parse gives
            else:
                kept.append(field.text)
        if user != self._user:
            self._user, self._user_stamped = user, self._stamped(user)
        kept.append(self._user_stamped)
        return ("{" + ",".join(kept) + "}").encode()

    def _stamped(self, user: str) -> str:
        """The field `user` with the identity; the value is JSON, or "" for none."""
        others = _fields(user)[0] if user.startswith("{") else []
        texts = [field.text for field in others if field.name not in self._names]
        return '"user":{' + ",".join([*texts, self._text]) + "}"


def _fields(text: str) -> tuple[list[_Field], int]:
    """The fields of the object that a text begins with, and the offset after it. Raises ValueError, IndexError.

    Names and values are read by the C scanner.
    """
    fields: list[_Field] = []
    at = _past("{", text, 0)
    if text[at] == "}":
        return fields, at + 1
    while text[at] == '"':
        start = at
        name, at = JSON.raw_decode(text, at)
        value_at = _past(":", text, at)
        _, at = JSON.raw_decode(text, value_at)
        fields.append(tuple.__new__(_Field, (name, text[start:at], text[value_at:at])))
        if text[at] <= " ":
            at = _skip(text, at)
        if text[at] == "}":
            return fields, at + 1
        at = _past(",", text, at)
    raise ValueError("no name of a field")


def _past(token: str, text: str, at: int) -> int:
    """The offset after a token and the whitespace around it. Raises ValueError, IndexError."""
    if text[at] <= " ":
        at = _skip(text, at)
    if text[at] != token:
        raise ValueError(f"no {token}")
    at += 1
    return at if text[at] > " " else _skip(text, at)


def _skip(text: str, at: int) -> int:
    while text[at] in WHITESPACE:
        at += 1
    return at
