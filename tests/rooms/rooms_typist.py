"""Updates of a client that types into roots, for rooms."""

from __future__ import annotations

from motet.varint import write, write_bytes


class Typist:
    """One Yjs client. Every word is an item of its own, at the beginning of its root, or after another's."""

    def __init__(self, client: int, clock: int = 0) -> None:
        self.client = client
        self.clock = self._first = clock
        self._structs: list[bytes] = []

    def _item(self, text: str, root: str, after: tuple[int, int] | None = None) -> bytes:
        if after is not None:
            head = b"\x84" + write(after[0]) + write(after[1])
        else:
            head = b"\x04\x01" + write_bytes(root.encode())
        struct = head + write_bytes(text.encode())
        self._structs.append(struct)
        self.clock += len(text)
        return struct

    def types(
        self,
        text: str,
        root: str,
        after: tuple[int, int] | None = None,
        deletes: tuple[int, int, int] | None = None,
    ) -> bytes:
        """An update with this text; `deletes` is a client, a clock and a length."""
        clock = self.clock
        return _update(self.client, clock, [self._item(text, root, after)], deletes)

    def types_both(self, text: str, root: str, other: str, other_root: str) -> bytes:
        """One update with a text in each of two roots."""
        clock = self.clock
        return _update(self.client, clock, [self._item(text, root), self._item(other, other_root)])

    def everything(self) -> bytes:
        """All that was typed, as one update."""
        return _update(self.client, self._first, self._structs)


def _update(client: int, clock: int, structs: list[bytes], deletes: tuple[int, int, int] | None = None) -> bytes:
    head = b"\1" + write(len(structs)) + write(client) + write(clock)
    return head + b"".join(structs) + (deleting(*deletes)[1:] if deletes is not None else b"\0")


def deleting(client: int, clock: int, length: int) -> bytes:
    """An update that only deletes."""
    return b"\0\1" + write(client) + b"\1" + write(clock) + write(length)
