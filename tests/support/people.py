"""Any real client, whatever its make, and what a group of them must come to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from support.node import KINDS, Content, NodeClients
from support.pycrdt_client import PycrdtClient
from support.waiting import eventually

MAKES = (*KINDS, "pycrdt")


class Person(Protocol):
    """NodeClient and PycrdtClient."""

    name: str

    async def edit(self, **edits: Any) -> None: ...
    async def set_awareness(self, state: dict[str, Any] | None) -> None: ...
    async def names(self) -> set[str]: ...
    async def content(self) -> Content: ...
    async def destroy(self) -> None: ...


async def join(node: NodeClients, make: str, ws_url: str, room: str, **options: Any) -> Person:
    """A client of this make in the room, synced, with its name as its awareness state."""
    person: Person
    if make == "pycrdt":
        person = await PycrdtClient.join(ws_url, room)
    else:
        client = person = await node.create(make, ws_url, room, **options)
        await client.synced()
    await person.set_awareness({"name": person.name, "cursor": {"anchor": 0, "head": 0}})
    return person


async def converged(people: Sequence[Person]) -> Content:
    """Waits until all documents are equal, state vectors too, with nothing waiting; the content."""

    async def equal() -> Content:
        contents = await asyncio.gather(*(person.content() for person in people))
        assert all(content == contents[0] for content in contents), contents
        assert not contents[0].waiting
        return contents[0]

    return await eventually(equal, "all documents are equal")


async def see_each_other(people: Sequence[Person]) -> None:
    """Waits until everybody has exactly these people's cursors."""
    names = {person.name for person in people}

    async def complete() -> bool:
        seen = await asyncio.gather(*(person.names() for person in people))
        assert all(view == names for view in seen), dict(zip([p.name for p in people], seen, strict=True))
        return True

    await eventually(complete, f"everybody sees exactly {sorted(names)}")
