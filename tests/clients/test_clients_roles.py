"""What real clients may do by their role, and what becomes of them when it changes while they are connected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from support.node import HOCUSPOCUS, KINDS, NodeClient, NodeClients, Report
from support.people import converged
from support.server import MotetServer
from support.sockets import RawClient
from support.tokens import shown_by, token
from support.waiting import eventually

pytestmark = pytest.mark.node

LEAVES = "hocuspocus-provider-2"
"""This provider detaches its document from the socket when it is told that something was denied."""


class Scene:
    """A room for one kind of client: an editor who watches, and the member it is about."""

    def __init__(self, server: MotetServer, node: NodeClients, kind: str, room: str) -> None:
        self.server = server
        self.node = node
        self.kind = kind
        self.room = f"{room}/{kind}"

    async def editor(self) -> NodeClient:
        """The editor, who has written "hello"."""
        client = await self.node.create("y-websocket-3", self.server.ws_url, self.room, params={"token": token("ed")})
        await client.synced()
        await client.edit(append="hello")
        return client

    async def member(self, user: str, role: str) -> NodeClient:
        """Somebody with this role, by the kind of client."""
        shown = shown_by(self.kind, token(user, role, name=user.title()))
        client = await self.node.create(self.kind, self.server.ws_url, self.room, **shown)
        await client.saved()
        return client

    async def set_role(self, user: str, role: str | None) -> None:
        """An administrator changes the role, or (None) takes the change back."""
        path = f"/api/v1/rooms/{self.room}/roles/{user}"
        method, body = ("DELETE", None) if role is None else ("PUT", {"role": role})
        answer = await asyncio.to_thread(self.server.ask, method, path, body, token("root", "admin"))
        assert answer[0] == 204, answer

    async def has_text(self, client: NodeClient, text: str) -> None:
        """Waits until the client's text is this."""

        async def equal() -> bool:
            content = await client.content()
            assert content.text == text, content
            return True

        await eventually(equal, f"{client.name} has {text!r}")

    async def is_refused(self, client: NodeClient, reason: str) -> None:
        """Waits until the client's application is told that an edit was refused; it is told once, and stays."""
        if self.kind in HOCUSPOCUS:
            await client.wait_until(lambda r: r.denied != (), "denied")
            assert (await client.report()).denied == (reason,)
        else:
            await eventually(lambda: self._warned(reason), f"{client.name} is told")
        report = await client.report()
        assert (len(report.attempts), report.closes, report.connected) == (1, (), True), report

    async def _warned(self, reason: str) -> bool:
        return any(self.room in warning and reason in warning for warning in await self.node.warnings())

    async def told(self, reason: str) -> int:
        """How often a y-websocket client was told so."""
        return sum(self.room in warning and reason in warning for warning in await self.node.warnings())

    async def holds(self, text: str, authors: set[str]) -> None:
        """What a stranger finds in the room, and who wrote it by the log."""
        stranger = await (await RawClient.yjs(self.server.ws_url, self.room, token=token("late", "viewer"))).synced()
        assert stranger.text() == text
        await stranger.close()
        assert self.server.authors(self.room) == authors


Play = Callable[[Scene], Awaitable[None]]


async def with_every_kind(server: MotetServer, node: NodeClients, room: str, play: Play) -> None:
    """The same for all kinds of client, at once."""
    await asyncio.gather(*(play(Scene(server, node, kind, room)) for kind in KINDS))


def sees(user: dict[str, str]) -> Callable[[Report], bool]:
    """Whether a client sees somebody with these fields in `user`."""
    return lambda report: any((state or {}).get("user") == user for state in report.awareness.values())


NOT_CONTENT = "a {} may not write the lane content"


async def viewing(scene: Scene) -> None:
    editor = await scene.editor()
    viewer = await scene.member("vera", "viewer")
    await scene.has_text(viewer, "hello")
    await viewer.set_awareness({"cursor": 1})
    await editor.wait_until(sees({"id": "vera", "name": "Vera"}), "sees the viewer")
    await viewer.edit(append=" one")
    await viewer.edit(append=" two")
    await scene.is_refused(viewer, NOT_CONTENT.format("viewer"))
    await editor.edit(insert=[0, "> "])
    if scene.kind != LEAVES:
        await scene.has_text(viewer, "> hello one two")
        await editor.wait_until(sees({"id": "vera", "name": "Vera"}), "still sees the viewer")
        await viewer.edit(append=" three")
    await asyncio.sleep(0.5)  # in which an edit, or a second denial, would arrive
    await scene.is_refused(viewer, NOT_CONTENT.format("viewer"))
    await scene.holds("> hello", {"ed"})
    if scene.kind in HOCUSPOCUS:
        report = await viewer.report()
        assert report.scopes == ("readonly",)
        assert report.unsynced_changes == (2 if scene.kind == LEAVES else 3), report.unsynced
    else:
        assert await scene.told(NOT_CONTENT.format("viewer")) == 1


async def test_a_viewer_gets_everything_and_changes_nothing(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[X62] [R13] It is synced with nothing unsaved, seen, and told once that its edits stay its own: as unsaved."""
    await with_every_kind(secured_server, node_clients, room, viewing)


async def commenting(scene: Scene) -> None:
    editor = await scene.editor()
    commenter = await scene.member("cora", "commenter")
    await commenter.edit(comment=["first"])
    await commenter.saved()
    await converged([editor, commenter])
    await commenter.edit(append=" content")
    await scene.is_refused(commenter, NOT_CONTENT.format("commenter"))
    if scene.kind in HOCUSPOCUS:
        assert (await commenter.report()).unsynced_changes == 1
    # A reload: what was refused is gone with the old document.
    await commenter.destroy()
    again = await scene.member("cora", "commenter")
    await again.edit(comment=["second"])
    await again.saved()
    content = await converged([editor, again])
    assert (content.text, content.comments) == ("hello", ["first", "second"])
    await scene.holds("hello", {"ed", "cora"})


async def test_a_commenter_writes_comments_and_no_content(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[X1] The refusal names the lane and leaves the socket; comments go on after a reload."""
    await with_every_kind(secured_server, node_clients, room, commenting)


async def changing(scene: Scene) -> None:
    editor = await scene.editor()
    member = await scene.member("mo", "editor")
    await member.edit(append=" a")
    await scene.has_text(editor, "hello a")
    for role, scope in (("viewer", "readonly"), (None, "read-write"), ("commenter", "read-write")):
        await scene.set_role("mo", role)
        if scene.kind in HOCUSPOCUS:
            await member.wait_until(lambda r, scope=scope: r.scopes[-1] == scope, f"is told: {scope}")  # type: ignore[misc]
        await editor.edit(append=" .")
        await converged([editor, member])
    await scene.set_role("mo", "viewer")
    await member.edit(append=" b")
    await member.edit(set=["key", "c"])
    await scene.is_refused(member, NOT_CONTENT.format("viewer"))
    await asyncio.sleep(0.3)  # in which the edit would arrive
    await scene.has_text(editor, "hello a . . .")
    await scene.set_role("mo", "editor")
    if scene.kind == LEAVES:
        await member.attach()
    await member.saved()
    content = await converged([editor, member])
    assert content.text == "hello a . . . b" and content.map == {"key": "c"}
    await member.edit(append=" d")
    await member.saved()
    await scene.has_text(editor, "hello a . . . b d")
    report = await member.report()
    assert (len(report.attempts), report.closes) == (1, ()), report
    await scene.holds("hello a . . . b d", {"ed", "mo"})


async def test_a_role_that_changes_acts_on_open_sockets(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[X2] Editor, viewer, editor, commenter, viewer, editor: told its scope, refused, asked for what was refused."""
    await with_every_kind(secured_server, node_clients, room, changing)


async def keeping_out(scene: Scene) -> None:
    editor = await scene.editor()
    member = await scene.member("mo", "editor")
    await scene.set_role("mo", "none")
    if scene.kind in HOCUSPOCUS:
        await member.wait_until(lambda r: len(r.denied) == 1 and r.connected, "denied, alone")
    else:
        await member.wait_until(lambda r: r.closes != (), "closed")
        assert (await member.report()).closes[0][0] == 4403
    await editor.edit(append=" behind its back")
    assert (await member.content()).text == "hello"
    await scene.set_role("mo", "viewer")
    if scene.kind == LEAVES:
        await member.attach()
    elif scene.kind in HOCUSPOCUS:
        await member.cut()
    else:
        await member.disconnect()
        await member.connect()
    await scene.has_text(member, "hello behind its back")


async def test_who_is_kept_out_and_let_in_again(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[X63] The role none ends the member at once; with another role its next connection is let in."""
    await with_every_kind(secured_server, node_clients, room, keeping_out)
