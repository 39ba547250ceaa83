"""Attacks by bytes: what viewers and commenters send, whatever it is made of, and what may come of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from access_clients import (
    HOCUSPOCUS,
    YJS,
    Member,
    Witness,
    ask,
    authors,
    block,
    item,
    path_of,
    text,
    update,
    watched,
)

from support import wire
from support.server import MotetServer, serving
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import Typist, var_bytes, varint

DIALECTS = pytest.mark.parametrize("dialect", [YJS, HOCUSPOCUS])
SENT_AS = pytest.mark.parametrize("kind", [wire.UPDATE, wire.STEP2], ids=["update", "sync step 2"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """Each test has a room of its own."""
    with serving(tmp_path_factory.mktemp("inside"), SECURED) as found:
        yield found


async def nothing_came(server: MotetServer, room: str, witness: Witness, client: Member) -> None:
    """The witness got nothing of it, neither did the log."""
    await client.heard()
    await witness.look()
    assert witness.updates == []
    assert witness.of(wire.STATELESS) == []
    assert witness.text() == "seed" and witness.text("comments") == "note"
    assert await authors(server, room) == {"witness"}


# ---- a viewer's bytes

MINE = Typist(7).type("forged")
BYTES = {
    "a new text": MINE,
    "typing on after the witness": update(block(7, 0, text("x", (100, 3)))),
    "as the witness's own client": update(block(100, 10, text("x", (100, 3)))),
    "merged with known structs": update(
        block(100, 0, text("seed", parent="text")), block(7, 0, text("x", parent="text"))
    ),
    "known structs made longer": update(
        block(100, 0, text("seed", parent="text"), text("note and more", parent="comments"))
    ),
    "deletes alone": update(deletes={100: [(0, 2)]}),
    "GC": update(block(7, 0, b"\0\5")),
    "a skip": update(block(7, 0, b"\x0a\5", text("x", parent="text"))),
    "deleted content": update(block(7, 0, item(1, varint(3), parent="text"))),
    "a subdocument": update(block(7, 0, item(9, var_bytes(b"guid") + b"\x76\0", parent="docs"))),
    "what waits for its causes": update(block(7, 5, text("x", parent="text"))),
    "no update": b"\xff\xff\xff",
    "a large update": Typist(7).type("x" * 300_000),
}


@DIALECTS
@SENT_AS
@pytest.mark.parametrize("name", BYTES)
async def test_a_viewers_updates_reach_nobody(
    server: MotetServer, room: str, dialect: str, kind: int, name: str
) -> None:
    """[X74]"""
    witness = await watched(server, room)
    viewer = await Member.come(server, dialect, room, token("eve", {room: "viewer"}))
    await viewer.send(wire.sync(viewer.document, kind, BYTES[name]))
    await nothing_came(server, room, witness, viewer)
    if name == "a large update":
        await eventually(lambda: viewer.denials, "it is told")
        await nothing_came(server, room, witness, viewer)


@DIALECTS
async def test_a_viewers_messages_of_every_type_reach_nobody(server: MotetServer, room: str, dialect: str) -> None:
    """[X74] Every type and every kind of sync and auth, with an update and with garbage in it; presence is the
    viewer's own."""
    witness = await watched(server, room)
    for type_ in range(16):
        for rest in (b"", b"\0", var_bytes(MINE), *(bytes((kind,)) + var_bytes(MINE) for kind in range(4))):
            viewer = await Member.come(server, dialect, room, token("eve", {room: "viewer"}))
            await viewer.send(wire.message(viewer.document, bytes((type_,)), rest))
            await viewer.heard()
            viewer.abort()
    viewer = await Member.come(server, dialect, room, token("eve", {room: "viewer"}))
    await nothing_came(server, room, witness, viewer)


@DIALECTS
async def test_what_waited_of_a_viewer_does_not_come_up_later(server: MotetServer, room: str, dialect: str) -> None:
    """[X74] Neither when its causes come, nor when the viewer becomes an editor: that asks anew."""
    witness = await watched(server, room)
    viewer = await Member.come(server, dialect, room, token("eve", {room: "viewer"}))
    await viewer.update(update(block(7, 0, text("forged", (101, 0)))))
    await viewer.update(update(deletes={101: [(1, 2)]}))
    await viewer.heard()
    await witness.update(update(block(101, 0, text("late", (100, 3)))))
    await witness.look()
    status, body = await ask(server, "PUT", f"{path_of(room)}/roles/eve", token("root", "admin"), {"role": "editor"})
    assert status == 204, body
    await viewer.heard()
    await witness.look()
    assert witness.text() == "seedlate" and witness.updates == []
    assert await authors(server, room) == {"witness"}


# ---- a commenter's

HIDDEN = {
    "into the content by its name": (text("x", parent="text"),),
    "into a root of almost that name": (text("x", parent="comments "),),
    "into a root of another case": (text("x", parent="Comments"),),
    "into a root without a name": (text("x", parent=""),),
    "after content": (text("x", (100, 3)),),
    "before content": (text("x", right=(100, 0)),),
    "after a comment, before content": (text("x", (100, 7), (100, 0)),),
    "after content, before a comment": (text("x", (100, 3), (100, 4)),),
    "into a list in the content": (text("x", parent=(100, 8)),),
    "into what a comment of its own lies beside": (text("x", parent="comments"), text("y", (100, 1))),
    "a type in the content, and a child of it": (item(7, b"\0", parent="text"), text("x", parent=(7, 0))),
    "over a key of the content": (item(8, b"\1\x78", parent="map", key="list"),),
    "a format of the content": (item(6, var_bytes(b"bold") + var_bytes(b"true"), (100, 0), (100, 1)),),
    "an embed in the content": (item(5, var_bytes(b"{}"), (100, 1)),),
    "a subdocument": (item(9, var_bytes(b"guid") + b"\x76\0", parent="docs"),),
    "what no type of content is": (item(11, b"\0\0\0", parent="comments"),),
    "a comment of what will be": (text("x", (101, 0)), text("y", parent="comments")),
}
DELETES = {
    "the content": {100: [(0, 1)]},
    "the end of the content and the beginning of a comment": {100: [(2, 4)]},
    "a list in the content": {100: [(8, 1)]},
    "what will be content": {101: [(0, 4)]},
    "a comment, and far from it content": {100: [(4, 1), (1, 1)]},
}
UPDATES = {
    **{name: update(block(7, 0, *structs)) for name, structs in HIDDEN.items()},
    **{f"deletes {name}": update(deletes=deletes) for name, deletes in DELETES.items()},
    "a good comment and, by another client, content": update(
        block(9, 0, text("x", parent="text")), block(7, 0, text("good", parent="comments"))
    ),
    "a good comment and a delete of content": update(
        block(7, 0, text("good", parent="comments")), deletes={100: [(0, 4)]}
    ),
    "the content, said to lie in the comments, made longer": update(
        block(100, 0, text("seed", parent="comments"), text("note and more", parent="comments"))
    ),
    "a large comment, and content behind it": update(
        block(9, 0, text("x" * 300_000, parent="comments")), block(7, 0, text("x", parent="text"))
    ),
}


@DIALECTS
@SENT_AS
@pytest.mark.parametrize("name", UPDATES)
async def test_a_commenter_cannot_hide_an_edit_of_the_content(
    server: MotetServer, room: str, dialect: str, kind: int, name: str
) -> None:
    """[X75] Where a struct lies is told by what it hangs on, never by what it says; also when that comes later."""
    witness = await watched(server, room)
    client = await Member.come(server, dialect, room, token("eve", {room: "commenter"}))
    await client.send(wire.sync(client.document, kind, UPDATES[name]))
    if "a large" in name:
        await eventually(lambda: client.denials, "it is told")
    await client.heard()
    await witness.update(update(block(101, 0, text("late", (100, 3)))))
    await witness.look()
    assert witness.text() == "seedlate"
    for root in ("comments ", "Comments", "", "docs"):
        assert witness.text(root) == ""
    if "eve" in await authors(
        server, room
    ):  # of an answer to sync step 1, what is the commenter's own lane may be taken
        assert kind == wire.STEP2
        assert witness.text("comments") != "note"


@DIALECTS
@SENT_AS
async def test_a_commenter_comments(server: MotetServer, room: str, dialect: str, kind: int) -> None:
    """[X75] In both roots of the lane, in a list of it, with deletes: so what is refused above is not refused for
    something else."""
    witness = await watched(server, room)
    client = await Member.come(server, dialect, room, token("eve", {room: "commenter"}))
    comment = update(
        block(7, 0, text("my ", right=(100, 4)), text("x", parent=(100, 9)), item(7, b"\1", parent="threads", key="k")),
        deletes={100: [(5, 3)]},
    )
    await client.send(wire.sync(client.document, kind, comment))
    await eventually(lambda: witness.text("comments") == "my n", "the witness sees the comment")
    await witness.look()
    assert await authors(server, room) == {"witness", "eve"}
    assert client.denials == [] and witness.text() == "seed"
