"""The composition root: which settings it refuses, and what it makes of the rest."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from motet.access import Access, OpenAccess, Proxies, Rulings, built_in
from motet.access.rates import Rates
from motet.app import App, address, check, gateway_settings, listen_settings, seeds
from motet.config import Settings
from motet.errors import ConfigError, Forbidden, Unavailable
from motet.gateway import Refusal, Upgrade
from motet.ids import RoomName
from motet.observability import UNTRACED, Counts, Trace
from motet.rooms import HocuspocusConnection, YjsConnection
from support.wire import Typist


def settings(**given: object) -> Settings:
    return Settings.model_validate({"open": True, **given})


@pytest.mark.parametrize(
    ("given", "what_to_do"),
    [
        ({"open": False}, "add --open"),
        ({"open": False, "host": "0.0.0.0"}, "add --open"),
        ({"open": False, "open_to_the_network": True}, "add --open"),
        ({"host": "0.0.0.0"}, "--open-to-the-network"),
        ({"host": "::"}, "--open-to-the-network"),
        ({"host": "192.168.1.5"}, "--host 127.0.0.1"),
        ({"host": "example.org"}, "--open-to-the-network"),
        ({"host": ""}, "--open-to-the-network"),
        ({"workers": 2}, "workers must be 1"),
        ({"workers": 0}, "workers must be 1"),
        ({"tls_cert": "cert.pem"}, "both --tls-cert and --tls-key"),
        ({"tls_key": "key.pem"}, "both --tls-cert and --tls-key"),
        ({"tls_cert": "missing.pem", "tls_key": "missing.pem"}, "--tls-cert names missing.pem"),
    ],
)
def test_settings_that_must_not_be_served_with_are_refused(given: dict[str, object], what_to_do: str) -> None:
    """With what to do, before anything is opened."""
    with pytest.raises(ConfigError, match=what_to_do):
        App(settings(**given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"host": "localhost"},
        {"host": "127.0.0.2"},
        {"host": "::1"},
        {"host": "0.0.0.0", "open_to_the_network": True},
        {"host": "0.0.0.0", "uds": "/run/motet.sock"},
    ],
)
def test_open_mode_listens_where_only_this_machine_reaches_it(given: dict[str, object]) -> None:
    """Or where somebody said so in so many words."""
    check(settings(**given))


# ---- templates


def test_the_first_template_whose_pattern_fits_seeds_a_room(tmp_path: Path) -> None:
    """A star spans slashes; what no pattern fits begins empty."""
    first, second = Typist(1).type("first"), Typist(2).type("second")
    (tmp_path / "first.yjs").write_bytes(first)
    (tmp_path / "second.yjs").write_bytes(second)
    app = App(settings(templates={"notes/*": tmp_path / "first.yjs", "notes/b*": tmp_path / "second.yjs"}))
    assert app.seed(RoomName("notes/a/b")) == first
    assert app.seed(RoomName("notes/b")) == first
    assert app.seed(RoomName("Notes/a")) is None
    assert app.seed(RoomName("notes")) is None


def test_a_template_may_be_json_or_text(tmp_path: Path) -> None:
    """The same bytes each time: a seed that comes twice must change nothing."""
    (tmp_path / "a.json").write_text('{"board": {"k": 1}}')
    (tmp_path / "b.txt").write_text("hello")
    templates = {"a": tmp_path / "a.json", "b": tmp_path / "b.txt"}
    assert seeds(templates) == seeds(templates)
    assert len(set(seeds(templates).values())) == 2


@pytest.mark.parametrize(
    ("name", "content"), [("missing.yjs", None), ("bad.yjs", b"\x01\x02"), ("bad.json", b"{"), ("bad.txt", b"\xff")]
)
def test_a_template_that_cannot_be_used_stops_the_start_and_is_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    """Not the first join of a room that it was for."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        App(settings(templates={"*": tmp_path / name}))


# ---- addresses


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8123"),
        ({"host": "::1"}, "http://[::1]:8123"),
        ({"root_path": "/live"}, "http://127.0.0.1:8123/live"),
        ({"tls_cert": "c", "tls_key": "k"}, "https://127.0.0.1:8123"),
        ({"uds": "/run/motet.sock"}, "unix:/run/motet.sock"),
    ],
)
def test_the_address_is_what_a_browser_needs(given: dict[str, object], url: str) -> None:
    """With the port that it really listens on."""
    assert address(settings(**given), 8123) == url


def test_every_setting_of_the_gateway_comes_from_ours() -> None:
    """A message may be as large as a room, and has names around it."""
    ours = settings(
        max_connections=1, max_connections_per_address=2, ping_seconds=3, pong_seconds=4, drain_seconds=5,
        accept_seconds=6, high_water_bytes=7, max_pending_bytes=8, max_pending_connections=10,
        max_room_bytes=1000, port=9, host="::1", root_path="/x", uds="/u", tls_cert="/c", tls_key="/k",
    )  # fmt: skip
    theirs = gateway_settings(ours, Proxies(()))
    for name in ("max_connections", "max_connections_per_address", "ping_seconds", "pong_seconds", "drain_seconds"):
        assert getattr(theirs, name) == getattr(ours, name)
    assert (theirs.accept_seconds, theirs.high_water_bytes, theirs.max_pending_bytes) == (6, 7, 8)
    assert theirs.max_pending_connections == 10
    assert theirs.max_message_bytes >= 1000 + 256
    listen = listen_settings(ours)
    for name in ("host", "port", "uds", "tls_cert", "tls_key", "root_path"):
        assert getattr(listen, name) == getattr(ours, name)


# ---- which connection an upgrade becomes


class RoomsOf:
    """A hub that opens every room but `broken`, and remembers which."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.counts = Counts()
        self.rates = Rates(settings())

    async def join_in_line(self, user: str, address: str, room: RoomName) -> None: ...

    def observe(self, event: object) -> None: ...

    def now(self) -> float:
        return 0.0

    def join_trace(self, *about: object) -> Trace:
        return UNTRACED

    async def open(self, name: RoomName) -> object:
        if name == "broken":
            raise Unavailable("the store cannot be read")
        self.opened.append(name)
        return SimpleNamespace(name=name, room=SimpleNamespace(check_places=lambda: None))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """With a hub that has no store."""
    app = App(settings())
    monkeypatch.setattr(app, "hub", RoomsOf(), raising=False)
    access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
    monkeypatch.setattr(app, "access", access, raising=False)
    return app


def upgrade(path: str) -> Upgrade:
    return Upgrade(path, {}, {"host": "127.0.0.1:8000"}, "127.0.0.1", ())


async def test_a_path_under_ws_is_a_room_that_is_opened_first(app: App) -> None:
    """Whatever slashes are in its name."""
    for room in ("a", "a/b", "a//b/", "ws/", "hocuspocus", "ü 🎼", "x" * 256):
        assert isinstance(await app.accept(upgrade(f"/ws/{room}")), YjsConnection)
    assert app.hub.opened[2] == "a//b/"  # type: ignore[attr-defined]


async def test_hocuspocus_is_one_path_and_its_rooms_come_later(app: App) -> None:
    """Each message on it names its document."""
    assert isinstance(await app.accept(upgrade("/hocuspocus")), HocuspocusConnection)
    assert app.hub.opened == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("room", ["", "a\n", "a\x7f", "x" * 257, "ü" * 129])
async def test_what_is_no_room_name_is_refused_for_good(app: App, room: str) -> None:
    """Over the WebSocket, with the auth message that y-websocket shows."""
    with pytest.raises(Refusal) as refusal:
        await app.accept(upgrade(f"/ws/{room}"))
    assert isinstance(refusal.value.error, Forbidden)
    assert refusal.value.frames


async def test_a_room_that_cannot_be_read_is_refused_for_now(app: App) -> None:
    """[P5]"""
    with pytest.raises(Refusal) as refusal:
        await app.accept(upgrade("/ws/broken"))
    assert isinstance(refusal.value.error, Unavailable)


@pytest.mark.parametrize("path", ["/", "/ws", "/wsx/a", "/hocuspocus/", "/hocuspocus/a", "/healthz", ""])
async def test_another_path_is_no_websocket_and_the_answer_says_which_are(app: App, path: str) -> None:
    """Over HTTP."""
    with pytest.raises(Forbidden, match=r"/ws/\{room\} and /hocuspocus"):
        await app.accept(upgrade(path))
