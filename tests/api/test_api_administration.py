"""The administrators' routes: who may use them, names in paths, bodies, errors, and what each decision leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from api_harness import PAGE, Answer, Api

from motet.access import Credentials, OpenAccess
from motet.errors import Forbidden, NotAuthenticated, RoomDeleted, Unavailable
from motet.ids import RoomName
from motet.observability import AccessRefused, Ruled, Unexpected

ROOM = RoomName("notes/a")
API = "/api/v1"
OF_ROOM: list[tuple[str, str, Any]] = [
    ("GET", "/rooms/{room}/members", None),
    ("PUT", "/rooms/{room}/roles/ada", {"role": "viewer"}),
    ("DELETE", "/rooms/{room}/roles/ada", None),
    ("DELETE", "/rooms/{room}", None),
    ("PUT", "/rooms/{room}?recreate", None),
    ("GET", "/rooms/{room}", None),
    ("GET", "/rooms/{room}/document", None),
    ("GET", "/rooms/{room}/hash", None),
    ("GET", "/rooms/{room}/update", None),
    ("POST", "/rooms/{room}/compact", None),
    ("POST", "/rooms/{room}/resync", None),
    ("DELETE", "/rooms/{room}/members/1", None),
    ("POST", "/revocations", {"room": "{room}"}),
]
OF_ALL: list[tuple[str, str, Any]] = [
    ("POST", "/revocations", {"user": "ada"}),
    ("POST", "/revocations", {"jti": "x"}),
    ("GET", "/status", None),
    ("GET", "/history", None),
    ("GET", "/rooms", None),
    ("PUT", "/log-level", {"level": "info", "minutes": 0}),
]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = await Api().start()
    yield api
    await api.close()


async def try_route(api: Api, route: tuple[str, str, Any], room: str, bearer: str | None) -> Answer:
    method, path, body = route
    if body == {"room": "{room}"}:
        body = {"room": room}
    return await api.ask(method, API + path.format(room=quote(room)), body, bearer)


async def role_of(api: Api, bearer: str, room: RoomName = ROOM) -> str:
    """What a token is worth in a room now."""
    return api.access.role(await api.access.identify(Credentials(bearer, "192.0.2.7"), room), room).name


# ---- who may


@pytest.mark.parametrize("route", OF_ROOM + OF_ALL)
async def test_who_shows_no_good_token_is_asked_for_one(api: Api, route: tuple[str, str, Any]) -> None:
    """[X50] [W1]"""
    for bearer in (
        None,
        "nonsense",
        api.token(exp=api.clock.now),
        api.token(secret="another secret of 32 bytes or more"),
    ):
        answer = await try_route(api, route, ROOM, bearer)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json["code"] == 4401
        assert answer.detail


@pytest.mark.parametrize("route", OF_ROOM)
@pytest.mark.parametrize("rooms", [{"notes/a": "editor"}, {"notes/b": "admin"}, {"**": "admin", "notes/a": "viewer"}])
async def test_a_room_takes_an_admins_role_in_it(api: Api, route: tuple[str, str, Any], rooms: dict[str, str]) -> None:
    """[X50] [W1]"""
    await api.fill(ROOM)
    answer = await try_route(api, route, ROOM, api.token(rooms))
    assert (answer.status, answer.json["code"]) == (403, 4403)
    assert (await try_route(api, route, ROOM, api.token({"notes/*": "admin"}))).status in (200, 201, 204, 404)


@pytest.mark.parametrize("route", OF_ALL)
async def test_users_and_tokens_take_an_admins_role_in_all_rooms(api: Api, route: tuple[str, str, Any]) -> None:
    """[X50] [W1]"""
    for rooms in ({"notes/**": "admin"}, {"**": "editor"}, {"**": "admin", "closed": "none"}):
        answer = await try_route(api, route, ROOM, api.token(rooms))
        assert answer.status == 403
        assert "all rooms (**)" in answer.detail
    assert (await try_route(api, route, ROOM, api.token({"**": "admin"}))).status in (200, 204)


@pytest.mark.parametrize("route", OF_ROOM)
@pytest.mark.parametrize("rooms", [{"x": "admin"}, {"**": "editor"}, None])
async def test_a_refusal_does_not_tell_whether_there_is_such_a_room(
    api: Api, route: tuple[str, str, Any], rooms: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[X50] And the store is not asked, so the time that it takes tells nothing either."""
    await api.fill("there")
    await api.hub.open(RoomName("there"))
    await api.fill("deleted")
    assert (await api.ask("DELETE", f"{API}/rooms/deleted")).status == 204
    touched: list[str] = []
    for name in ("load", "append", "delete", "recreate", "put_record", "outline", "compact"):
        monkeypatch.setattr(api.store, name, lambda *a, name=name, **k: touched.append(name))
    bearer = None if rooms is None else api.token(rooms)
    answers = [await try_route(api, route, room, bearer) for room in ("there", "deleted", "missing")]
    assert answers[0].status in (401, 403)
    assert answers[0] == answers[1] == answers[2]
    assert touched == []


async def test_a_revoked_or_demoted_administrator_is_none(api: Api) -> None:
    """[X50]"""
    mine = api.token(user="eve")
    assert (await api.ask("PUT", f"{API}/rooms/notes/a/roles/eve", {"role": "editor"})).status == 204
    assert (await api.ask("GET", f"{API}/rooms/notes/a/members", bearer=mine)).status == 403
    assert (await api.ask("GET", f"{API}/rooms/notes/b/members", bearer=mine)).status == 200
    assert (await api.ask("POST", f"{API}/revocations", {"user": "eve"})).status == 204
    assert (await api.ask("GET", f"{API}/rooms/notes/b/members", bearer=mine)).status == 401
    assert (await api.ask("POST", f"{API}/revocations", {"user": "root"}, bearer=mine)).status == 401


async def test_in_open_mode_nobody_administers(api: Api) -> None:
    """[X50] [W1] Everybody is an editor there."""
    await api.start(OpenAccess())
    for route in OF_ROOM + OF_ALL:
        assert (await try_route(api, route, ROOM, api.token())).status == 403


# ---- names in paths


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("notes/a", "notes/a"),
        ("notes%2Fa", "notes/a"),
        ("notes%2fa", "notes/a"),
        ("notes%252Fa", "notes%2Fa"),
        ("%E2%88%9E/%C3%BC", "∞/ü"),
        ("notes/../a", "notes/../a"),
        ("%2e%2e/%2E%2E", "../.."),
        ("..", ".."),
        ("a%20b+c", "a b+c"),
        ("a%3Fb%23c", "a?b#c"),
        ("/a//", "/a//"),
        ("x/roles/y%2Froles", "x/roles/y/roles"),
        ("x/members", "x/members"),
        ("%F0%9F%A6%8A" * 64, "\N{FOX FACE}" * 64),
    ],
)
@pytest.mark.parametrize("root_path", ["", "/team/motet"])
async def test_a_rooms_name_is_decoded_once_and_nothing_in_it_is_resolved(
    api: Api, written: str, meant: str, root_path: str
) -> None:
    """[X52] With the root path in front, as the gateway passes it on."""
    api.root_path = root_path
    assert (await api.ask("PUT", f"{API}/rooms/{written}/roles/ada", {"role": "viewer"})).status == 204
    assert api.access.rulings.role(RoomName(meant), "ada") == "viewer"  # type: ignore[arg-type]
    assert (await api.ask("GET", f"{API}/rooms/{written}/members")).json == {"members": []}
    assert (await api.ask("DELETE", f"{API}/rooms/{written}/roles/ada")).status == 204
    assert api.access.rulings.role(RoomName(meant), "ada") is None  # type: ignore[arg-type]
    await api.fill(meant)
    whole = written.replace("/", "%2F")
    assert (await api.ask("DELETE", f"{API}/rooms/{whole}")).status == 204
    with pytest.raises(RoomDeleted):
        await api.store.load(RoomName(meant))
    assert (await api.ask("PUT", f"{API}/rooms/{whole}?recreate")).status == 201


@pytest.mark.parametrize("user", ["auth0|abc/def", "a b", "ü/∞", "..", "%2F", "a@b.example?x#y", "u" * 256])
async def test_a_users_id_is_one_segment_percent_encoded(api: Api, user: str) -> None:
    """[X52] A slash in it is %2F."""
    target = f"{API}/rooms/notes/a/roles/{quote(user, safe='')}"
    assert (await api.ask("PUT", target, {"role": "viewer"})).status == 204
    assert await role_of(api, api.token("editor", user=user)) == "viewer"
    assert (await api.ask("DELETE", target)).status == 204
    assert await role_of(api, api.token("editor", user=user)) == "editor"


@pytest.mark.parametrize("name", ["", "a%00b", "%0A", "%C2%80", "%ff", "%ED%A0%80", "n" * 257, "%C3%BC" * 129])
async def test_what_is_no_name_is_422_before_anybody_is_looked_at(api: Api, name: str) -> None:
    """[X52] 1-256 bytes of UTF-8 without control characters."""
    for method, path, body in OF_ROOM[:-1]:
        answer = await api.ask(method, API + path.format(room=name), body, bearer=None)
        assert answer.status == 422
        assert "path.room" in answer.detail
    if name:
        answer = await api.ask("DELETE", f"{API}/rooms/a/roles/{name}")
        assert answer.status == 422
        assert "path.user" in answer.detail


@pytest.mark.parametrize("target", ["/%61pi/v1/revocations", "/api/v1//revocations", "/api/v1/revocations/", "/api/"])
async def test_there_is_one_address_for_each_thing(api: Api, target: str) -> None:
    """[X52] No other spelling leads to it, or is sent on to it."""
    assert (await api.ask("POST", target, {"user": "ada"})).status == 404


# ---- bodies, methods, errors


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b"{}", 422),
        (b'{"user": "a", "room": "b"}', 422),
        (b'{"user": 1}', 422),
        (b'{"user": ""}', 422),
        (b'{"user": "a", "more": 1}', 422),
        (b'{"user": "a\\u0000"}', 422),
        (b'{"user": "\\ud800"}', 422),
        (b'{"room": "' + b"n" * 257 + b'"}', 422),
        (b'{"user": "\xff"}', 400),
        (b"[" * 60_000, 400),
        (b'{"user": "' + b"x" * 65_536 + b'"}', 413),
    ],
)
async def test_a_body_is_what_it_should_be_or_a_problem(api: Api, raw: bytes, status: int) -> None:
    """[X53] Nothing is revoked by it."""
    answer = await api.ask("POST", f"{API}/revocations", raw=raw, content_type="application/json")
    assert answer.status == status
    assert len(answer.detail) <= 500
    assert await api.store.records("access") == {}


async def test_a_body_of_the_limit_is_read(api: Api) -> None:
    """[X53] However it is cut."""
    raw = b'{"user": "ada"}'.ljust(65_536)
    assert (await api.ask("POST", f"{API}/revocations", raw=raw, content_type="application/json")).status == 204


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_what_is_not_called_json_is_not_read(api: Api, kind: str | None) -> None:
    """[X53] A page can send a form to anybody without asking first."""
    headers = {} if kind is None else {"content_type": kind}
    for method, path in (("POST", "/revocations"), ("PUT", "/rooms/a/roles/b")):
        answer = await api.ask(method, API + path, raw=b'{"user": "ada"}', **headers)
        assert answer.status == 415
        assert "application/json" in answer.detail
    called = "application/json; charset=utf-8"
    assert (await api.ask("POST", f"{API}/revocations", {"user": "ada"}, content_type=called)).status == 204


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", "/rooms/a/members", "GET"),
        ("POST", "/rooms/a/members", "GET"),
        ("OPTIONS", "/revocations", "POST"),
        ("GET", "/revocations", "POST"),
        ("PATCH", "/rooms/a/roles/b", "PUT"),
        ("POST", "/rooms/a", "DELETE"),
        ("POST", "/events", "GET"),
    ],
)
async def test_another_method_is_405_and_told_which_is_allowed(api: Api, method: str, path: str, allowed: str) -> None:
    """[X51]"""
    answer = await api.ask(method, API + path)
    assert answer.status == 405
    assert allowed in answer.headers["allow"].split(", ")
    assert answer.detail


async def test_a_role_that_nobody_defined_is_refused_by_its_alternatives(api: Api) -> None:
    """[X53] An unknown word would open no door, and the administrator believe that it did."""
    answer = await api.ask("PUT", f"{API}/rooms/a/roles/ada", {"role": "Editor"})
    assert answer.status == 422
    assert "none, viewer, commenter, editor, admin" in answer.detail


async def test_a_fault_of_ours_is_a_problem_without_details(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """[X51] They are logged."""
    monkeypatch.setattr(api.hub, "delete", None)
    answer = await api.ask("DELETE", f"{API}/rooms/a")
    assert (answer.status, answer.detail) == (500, "internal error")
    assert (answer.json["request"], answer.headers["x-request-id"]) == ("r1", "r1")
    assert api.events[-1] == Unexpected("http", "TypeError", "a", "", "DELETE /api/v1/rooms/{room:path}")


@pytest.mark.parametrize("target", ["/nothing", "/api/v1/room", "/api/v2/revocations"])
async def test_an_address_of_nothing_is_a_problem_too(api: Api, target: str) -> None:
    """[X51]"""
    answer = await api.ask("GET", target)
    assert answer.status == 404
    assert answer.detail


async def test_while_somebody_deletes_a_room_the_next_is_told_to_come_later(api: Api) -> None:
    """[X51]"""
    api.hub._deleting.add(ROOM)
    answer = await api.ask("DELETE", f"{API}/rooms/{ROOM}")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "being deleted" in answer.detail


async def test_the_description_names_what_is_asked_answered_and_shown(api: Api) -> None:
    """With examples, the problems, and the token."""
    described = (await api.ask("GET", "/openapi.json")).json
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    schemas = described["components"]["schemas"]
    assert schemas["Revocation"]["examples"] == [{"user": "ada"}, {"jti": "k3Jx0"}, {"room": "notes/a"}]
    assert schemas["RoleOverride"]["examples"] == [{"role": "viewer"}]
    routes = {path: ways for path, ways in described["paths"].items() if path.startswith("/api/")}
    assert len(routes) == 15
    for path, ways in routes.items():
        for method, way in ways.items():
            assert way["security"] == [{"HTTPBearer": []}], (method, path)
            assert way["description"]
            for status in ("401", "403", "422", "503"):
                assert list(way["responses"][status]["content"]) == ["application/problem+json"], (method, path)


# ---- rulings


async def test_a_revocation_covers_what_was_issued_up_to_now_and_30_s_more(api: Api) -> None:
    """[X54] Clocks may differ by so much; a token that does not say when it was issued is covered too."""
    old, without = api.token("editor", user="ada"), api.token("editor", user="ada", iat=None)
    other = api.token("editor", user="bob", iat=None)
    assert await role_of(api, old) == await role_of(api, without) == "editor"
    assert (await api.ask("POST", f"{API}/revocations", {"user": "ada"})).status == 204
    at = api.clock.now
    for restarted in (False, True):
        api.clock.now = at
        for shown in (old, without, api.token("editor", user="ada", iat=at), api.token("editor", "ada", iat=at + 30)):
            with pytest.raises(NotAuthenticated, match="revoked"):
                await role_of(api, shown)
        assert await role_of(api, other) == "editor"
        api.clock.now = at + 1
        assert await role_of(api, api.token("editor", user="ada", iat=at + 30.5)) == "editor"
        if not restarted:
            await api.start()


async def test_a_revoked_token_stays_so_and_the_users_others_do_not(api: Api) -> None:
    """[X54]"""
    first, second = (api.token("editor", user="ada", jti=jti) for jti in ("one", "two"))
    assert (await api.ask("POST", f"{API}/revocations", {"jti": "one"})).status == 204
    await api.start()
    api.clock.now += 1000
    with pytest.raises(NotAuthenticated, match="revoked"):
        await role_of(api, first)
    with pytest.raises(NotAuthenticated, match="revoked"):
        await role_of(api, api.token("editor", user="ada", jti="one", iat=api.clock.now))
    assert await role_of(api, second) == "editor"


async def test_a_rooms_revocation_is_that_rooms(api: Api) -> None:
    """[X54] By whoever administers it; its own grant is covered too."""
    here, admin = api.token({"notes/*": "editor"}, user="ada"), api.token({"notes/a": "admin"}, user="eve")
    assert (await api.ask("POST", f"{API}/revocations", {"room": ROOM}, admin)).status == 204
    await api.start()
    with pytest.raises(NotAuthenticated):
        await role_of(api, here)
    assert await role_of(api, here, RoomName("notes/b")) == "editor"
    assert (await api.ask("GET", f"{API}/rooms/{ROOM}/members", bearer=admin)).status == 401


async def test_a_role_given_beats_the_token_both_ways_until_it_is_taken_back(api: Api) -> None:
    """[X55] Over restarts, and in that room only."""
    target, mine = f"{API}/rooms/notes/a/roles/ada", api.token({"notes/*": "editor"}, user="ada")
    for role in ("viewer", "admin"):
        assert (await api.ask("PUT", target, {"role": role})).status == 204
        await api.start()
        assert await role_of(api, mine) == role
        assert await role_of(api, mine, RoomName("notes/b")) == "editor"
        assert await role_of(api, api.token({"other": "viewer"}, user="ada")) == role
    assert (await api.ask("PUT", target, {"role": "none"})).status == 204
    with pytest.raises(Forbidden):
        await role_of(api, mine)
    for _ in range(2):  # what is not there can be taken back
        assert (await api.ask("DELETE", target)).status == 204
    await api.start()
    assert await role_of(api, mine) == "editor"


async def test_a_room_is_deleted_once_and_for_good_until_it_is_recreated(api: Api) -> None:
    """[X56]"""
    target = f"{API}/rooms/{ROOM}"
    assert (await api.ask("PUT", f"{target}?recreate")).status == 404
    missing = await api.ask("DELETE", target)
    assert (missing.status, missing.detail) == (404, "there is no such room")
    await api.fill(ROOM)
    for _ in range(2):
        assert (await api.ask("DELETE", target)).status == 204
    await api.start()
    with pytest.raises(RoomDeleted):
        await api.hub.open(ROOM)
    assert (await api.ask("PUT", target)).status == 422
    assert (await api.ask("PUT", f"{target}?recreate=yes")).status == 201
    assert (await api.ask("PUT", f"{target}?recreate")).status == 404
    assert (await api.hub.open(ROOM)).room.replica.size == 0


async def test_an_open_room_of_nothing_can_be_deleted(api: Api) -> None:
    """[X56] Somebody is in it, and may be about to write."""
    await api.hub.open(ROOM)
    assert (await api.ask("DELETE", f"{API}/rooms/{ROOM}")).status == 204
    with pytest.raises(RoomDeleted):
        await api.hub.open(ROOM)


async def test_a_room_recreated_keeps_what_was_ruled_over_its_name(api: Api) -> None:
    """[X56] Who was kept out of it does not come back by way of a deletion."""
    await api.fill(ROOM)
    await api.ask("PUT", f"{API}/rooms/{ROOM}/roles/ada", {"role": "none"})
    await api.ask("DELETE", f"{API}/rooms/{ROOM}")
    await api.ask("PUT", f"{API}/rooms/{ROOM}?recreate")
    with pytest.raises(Forbidden):
        await role_of(api, api.token("editor", user="ada"))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/revocations", {"user": "ada"}),
        ("POST", "/revocations", {"jti": "one"}),
        ("POST", "/revocations", {"room": "notes/a"}),
        ("PUT", "/rooms/notes/a/roles/ada", {"role": "none"}),
    ],
)
async def test_a_ruling_that_cannot_be_stored_acts_all_the_same_and_says_so(
    api: Api, method: str, path: str, body: dict[str, str]
) -> None:
    """[X57] Asked again when the store is back, it is stored."""
    mine = api.token("editor", user="ada", jti="one")
    api.store.fails = True
    answer = await api.ask(method, API + path, body)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, 4503, "5")
    assert "ends with the process" in answer.detail
    with pytest.raises((NotAuthenticated, Forbidden)):
        await role_of(api, mine)
    api.store.fails = False
    api.clock.now += 1
    by = api.token(iat=api.clock.now + 30)  # the room's own administrators are covered too
    assert (await api.ask(method, API + path, body, by)).status == 204
    await api.start()
    with pytest.raises((NotAuthenticated, Forbidden)):
        await role_of(api, mine)


async def test_a_role_taken_back_while_the_store_fails_is_taken_back(api: Api) -> None:
    """[X57]"""
    mine = api.token("editor", user="ada")
    await api.ask("PUT", f"{API}/rooms/notes/a/roles/ada", {"role": "viewer"})
    api.store.fails = True
    assert (await api.ask("DELETE", f"{API}/rooms/notes/a/roles/ada")).status == 503
    assert await role_of(api, mine) == "editor"


async def test_a_deletion_that_cannot_be_stored_is_none(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """[X57] The room is as it was, and said to be."""
    await api.fill(ROOM)

    async def fails(*_: object, **__: object) -> bool:
        raise Unavailable("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(api.store, "delete", fails)
        answer = await api.ask("DELETE", f"{API}/rooms/{ROOM}")
        assert answer.status == 503
        assert answer.detail
    assert not [event for event in api.events if isinstance(event, Ruled)]
    await api.hub.open(ROOM)


# ---- cookies, pages, the audit


@pytest.mark.parametrize(
    ("origin", "status"), [(PAGE, 200), ("https://evil.example", 401), ("null", 401), ("http://motet.test", 401)]
)
async def test_a_cookie_counts_only_where_the_page_is_listed(api: Api, origin: str, status: int) -> None:
    """[X58] A browser adds it to whatever any page asks for."""
    cookie = f"motet={api.token()}"
    target = f"{API}/rooms/a/members"
    assert (await api.ask("GET", target, bearer=None, cookie=cookie, origin=origin)).status == status
    assert (await api.ask("GET", target, bearer=None, cookie=cookie)).status == 401


async def test_pages_of_the_list_may_call_and_no_others(api: Api) -> None:
    """[X58] Preflights, and the answers themselves."""
    wanted = {"access_control_request_method": "PUT", "access_control_request_headers": "authorization,content-type"}
    target = f"{API}/rooms/a/roles/b"
    told = await api.ask("OPTIONS", target, bearer=None, origin=PAGE, **wanted)
    assert told.status == 200
    assert told.headers["access-control-allow-origin"] == PAGE
    assert "PUT" in told.headers["access-control-allow-methods"]
    assert {"authorization", "content-type"} <= {
        name.strip().lower() for name in told.headers["access-control-allow-headers"].split(",")
    }
    for other in ("https://evil.example", "https://app.example.evil.example", "null", "http://app.example"):
        refused = await api.ask("OPTIONS", target, bearer=None, origin=other, **wanted)
        assert refused.status == 400
        assert "access-control-allow-origin" not in refused.headers
        assert "access-control-allow-origin" not in (await api.ask("GET", "/healthz", origin=other)).headers
    problem = await api.ask("GET", f"{API}/rooms/a/members", bearer=None, origin=PAGE)
    assert (problem.status, problem.headers["access-control-allow-origin"]) == (401, PAGE)


async def test_each_decision_and_each_refusal_is_one_event(api: Api) -> None:
    """[X59] Who, what, where, from where; a deletion of nothing is none."""
    await api.fill(ROOM)
    await api.ask("POST", f"{API}/revocations", {"user": "ada"})
    await api.ask("POST", f"{API}/revocations", {"jti": "one"})
    await api.ask("PUT", f"{API}/rooms/notes/a/roles/ada", {"role": "viewer"})
    await api.ask("DELETE", f"{API}/rooms/notes/a/roles/ada")
    await api.ask("DELETE", f"{API}/rooms/{ROOM}")
    await api.ask("DELETE", f"{API}/rooms/missing")
    await api.ask("PUT", f"{API}/rooms/{ROOM}?recreate")
    await api.ask("GET", f"{API}/rooms/{ROOM}/members", bearer=api.token("editor", user="eve"))
    await api.ask("GET", f"{API}/rooms/{ROOM}/members", bearer=None)
    assert [event for event in api.events if isinstance(event, AccessRefused | Ruled)] == [
        Ruled("root", "revoke_user", "ada", "", "", "192.0.2.7"),
        Ruled("root", "revoke_token", "one", "", "", "192.0.2.7"),
        Ruled("root", "set_role", "ada", ROOM, "viewer", "192.0.2.7"),
        Ruled("root", "set_role", "ada", ROOM, "", "192.0.2.7"),
        Ruled("root", "delete_room", "", ROOM, "", "192.0.2.7"),
        Ruled("root", "recreate_room", "", ROOM, "", "192.0.2.7"),
        AccessRefused("eve", ROOM, "this takes an admin's grant", 4403, "http", "192.0.2.7"),
        AccessRefused("", ROOM, "no token", 4401, "http", "192.0.2.7"),
    ]
