"""The console page in a real browser: what an operator sees and can do, against a fake of the API."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from console_fake import ADMIN, Fake, member, room, serving
from console_operator import CHECKS, PHONE, Operators, chip, figure, rows, sign_in, told
from playwright.async_api import Browser, Page, expect

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>/\"'&?#%2F ../☃"
AT_ROOM = "#/rooms/notes%2Ffirst"


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    """Three rooms: a busy one with somebody who does not keep up, a large one, and one with a hostile name."""
    slow = member(3, "slow", name="Bo", behind=True, buffered=4_200_000, last_seen=12.0, address="10.9.9.9")
    refusals = [
        {"at": time.time() - i, "user": "mallory", "reason": "rate_limited", "address": "10.2.3.4"} for i in range(31)
    ]
    inside = [member(1, "ada"), member(2, "team/bo", dialect="hocuspocus"), slow]
    state = Fake()
    for told_room in (
        room("notes/first", inside, refusals=refusals, rate=88.0),
        room("board", [member(4, "cy")], bytes=9_000_000, rate=2.0),
        room(HOSTILE, [member(5, HOSTILE, name="<b>eve</b>")], rate=1.0),
    ):
        state.rooms[told_room["room"]] = told_room
    async with serving(state) as served:
        yield served


@pytest.fixture
async def operators(browser: Browser, fake: Fake) -> AsyncIterator[Operators]:
    people = Operators(browser, fake.url)
    yield people
    await people.leave()
    assert people.complaints == []  # nothing was refused by the page's policy, nothing failed


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("expired", "This token has expired."),
        ("editor", "This token is good, but"),
        ("nonsense", "this is no signed token (JWT)"),
        ("two words", "That is no token"),
    ],
)
async def test_a_token_that_does_not_open_the_door_is_told_why(operators: Operators, shown: str, words: str) -> None:
    page = await operators.arrive()
    await sign_in(page, shown)
    await expect(page.get_by_role("alert")).to_contain_text(words)
    await expect(page.get_by_label("Admin token")).to_be_focused()
    await sign_in(page, f"  Bearer {ADMIN}\n")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Server")


async def test_a_server_without_authentication_says_that_it_has_no_admins(operators: Operators, fake: Fake) -> None:
    fake.is_open = True
    page = await operators.arrive()
    await sign_in(page, ADMIN)
    await expect(page.get_by_role("alert")).to_contain_text("This server has no authentication")


async def test_the_token_is_kept_for_the_tab_until_signing_out(operators: Operators) -> None:
    page = await operators.enter(AT_ROOM)
    await page.reload()
    await expect(chip(page)).to_have_text("Live")
    assert ADMIN not in page.url
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Admin token")).to_have_value("")
    assert await page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length") == 0
    await sign_in(page, ADMIN)
    await expect(page.get_by_role("heading", level=1)).to_have_text("notes/first")


async def test_when_the_grant_ends_the_page_asks_for_another_and_comes_back(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    fake.refusal = (401, "the token has expired")
    await expect(page.get_by_role("alert")).to_contain_text("This token has expired.")
    fake.refusal = None
    await sign_in(page, ADMIN)
    await expect(page.get_by_role("heading", level=1)).to_have_text("notes/first")


async def test_what_wants_attention_is_named_as_the_alerts_are_and_leads_to_the_room(
    operators: Operators, fake: Fake
) -> None:
    fake.reasons = {"disk": "12 MB are free", "draining": "the server is stopping"}
    fake.totals = {"loop_lag": 0.31, "slowed": 7}
    fake.exceptions, fake.keys_failing = 1, True
    page = await operators.enter()
    findings = page.locator(".findings li")
    await expect(findings.filter(has_text="MotetDiskLow")).to_contain_text("disk: 12 MB are free")
    await expect(findings.filter(has_text="MotetNotReady")).to_contain_text("the server is stopping")
    await expect(findings.filter(has_text="MotetLoopLag")).to_contain_text("310 ms")
    await expect(findings.filter(has_text="MotetFlood")).to_contain_text("in the last minute: 7 times")
    await expect(findings.filter(has_text="MotetExceptions")).to_contain_text("1 unexpected exception since")
    await expect(findings.filter(has_text="MotetKeysUnavailable")).to_contain_text("cannot be fetched")
    await expect(page.locator("header")).to_contain_text("Not ready")
    await findings.filter(has_text="MotetMembersBehind").get_by_role("link", name="notes/first").click()
    await expect(page.locator(".findings")).to_contain_text("slow (yjs, 10.9.9.9) reads too slowly: 4.2 MB wait")
    fake.reasons, fake.totals = {}, {}
    await expect(page.locator(".ready")).to_have_text("Ready")


async def test_figures_are_live_and_say_when_they_are_not(operators: Operators, fake: Fake) -> None:
    page = await operators.enter()
    fake.totals = {"people": 4321}
    await expect(figure(page, "People")).to_have_text("4,321")
    fake.streams_open = False
    await expect(chip(page)).to_have_text("Reconnecting")
    banner = page.locator(".banner")
    await expect(banner).to_contain_text(re.compile(r"Stale since \d\d:\d\d:\d\d: .*Next try in \d+ s"))
    fake.streams_open = True
    fake.totals = {"people": 17}
    await page.get_by_role("button", name="Try now").click()
    await expect(figure(page, "People")).to_have_text("17")
    await expect(chip(page)).to_have_text("Live")
    await expect(banner).to_be_hidden()


async def test_rooms_are_ordered_by_what_is_asked_and_the_address_says_so(operators: Operators, fake: Fake) -> None:
    page = await operators.enter()
    await expect(rows(page, "The busiest rooms").first).to_contain_text("notes/first")
    await page.get_by_role("button", name="Size").click()
    await expect(rows(page, "The busiest rooms").first).to_contain_text("board")
    await expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
    assert page.url.endswith("#/?by=bytes")
    assert fake.streams[-1] == "by=bytes&top=50"
    await page.reload()
    await expect(rows(page, "The busiest rooms").first).to_contain_text("board")


async def test_a_row_stays_where_it_is_while_somebody_points_at_it(operators: Operators, fake: Fake) -> None:
    page = await operators.enter()
    await rows(page, "The busiest rooms").nth(1).hover()
    fake.rooms["board"]["rate"] = 500.0
    await expect(rows(page, "The busiest rooms").nth(1)).to_contain_text("500")
    await page.locator("h1").hover()
    await expect(rows(page, "The busiest rooms").first).to_contain_text("board")


async def test_a_room_is_found_by_its_name_busy_or_not(operators: Operators, fake: Fake) -> None:
    page = await operators.enter()
    find = page.get_by_label("Find a room by name")
    await find.fill("BOA")
    await expect(rows(page, "The busiest rooms")).to_have_count(1)
    await find.fill("nowhere")
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_contain_text("There is no room of this name")
    fake.rooms["quiet/room"] = room("quiet/room", loaded=False)
    await page.go_back()
    await page.get_by_label("Find a room by name").fill("quiet/room")
    await page.get_by_role("button", name="Open room").click()
    await expect(figure(page, "State")).to_have_text("stored, not loaded")


async def test_views_have_titles_and_addresses_and_the_way_back_works(operators: Operators) -> None:
    page = await operators.enter()
    await expect(page).to_have_title("Server · Motet console")
    await page.get_by_role("link", name="notes/first").last.click()
    await expect(page).to_have_title("notes/first · Motet console")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert page.url.endswith(AT_ROOM)
    await page.go_back()
    await expect(page).to_have_title("Server · Motet console")
    await page.evaluate("location.hash = '#/rooms/%E0%A4%A'")
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")


async def test_a_room_shows_who_is_in_it_what_was_refused_and_who_wrote(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    await expect(rows(page, "Members").first).to_contain_text("Bo (slow)")
    await expect(rows(page, "Members").first).to_contain_text("4.2 MB, behind")
    await page.get_by_role("button", name="Edits").click()
    await expect(rows(page, "Members").first).to_contain_text("30")
    await expect(rows(page, "Recent refusals")).to_have_count(1)
    await expect(rows(page, "Recent refusals")).to_contain_text("rate_limitedmallory10.2.3.431")
    await expect(page.locator("section", has=page.locator("#log"))).to_contain_text(
        "17 by ada, 17 by team/bo, 16 by slow"
    )
    await page.get_by_role("button", name="Show all 50").click()
    await expect(rows(page, "Last rows of the log")).to_have_count(50)
    await expect(rows(page, "Presence").first).to_contain_text('{"cursor":{"x":4}}')
    fake.rooms["notes/first"]["members"].pop()
    await expect(rows(page, "Members")).to_have_count(2)


async def test_the_document_and_its_hash_are_loaded_when_they_are_opened(operators: Operators) -> None:
    page = await operators.enter(AT_ROOM)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    await page.get_by_text("The document as JSON").click()
    await expect(page.get_by_label("The document as JSON")).to_contain_text('"text": "Hello <b>world</b>"')
    await page.get_by_text("The hash of its state").click()
    await expect(page.locator(".hash")).to_have_text("5f2a" * 16)
    assert asked == ["document", "hash"]


async def test_a_member_is_kicked_kept_out_or_revoked(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    for choice, act, body in (
        ("Keep out of this room", ("PUT", "rooms/notes%2Ffirst/roles/team%2Fbo"), {"role": "none"}),
        ("Revoke everywhere", ("POST", "revocations"), {"user": "team/bo"}),
        ("Kick", ("DELETE", "rooms/notes%2Ffirst/members/2"), None),
    ):
        await page.get_by_role("button", name="Kick team/bo, member 2").click()
        dialog = page.get_by_role("dialog", name="Show team/bo out?")
        await dialog.get_by_role("radio", name=choice).check()
        await dialog.get_by_role("button", name=choice, exact=True).click()
        await expect(dialog).to_be_hidden()
        assert fake.acts[-1] == (*act, body)
    await expect(told(page)).to_contain_text("Kicked team/bo")
    await expect(rows(page, "Members")).to_have_count(2)


async def test_a_role_is_set_and_taken_back(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    await page.get_by_role("button", name="Set the role of ada, member 1").click()
    await page.get_by_label("Role", exact=True).select_option("viewer")
    await page.get_by_role("button", name="Set role").click()
    await expect(rows(page, "Members").filter(has_text="ada")).to_contain_text("viewer")
    await page.get_by_role("button", name="Set a role…").click()
    await page.get_by_label("User id").fill("who/left")
    await page.get_by_label("Role", exact=True).select_option("what the token says")
    await page.get_by_role("button", name="Set role").click()
    await expect(told(page)).to_contain_text("who/left has the role again")
    assert fake.acts == [
        ("PUT", "rooms/notes%2Ffirst/roles/ada", {"role": "viewer"}),
        ("DELETE", "rooms/notes%2Ffirst/roles/who%2Fleft", None),
    ]


async def test_a_room_is_resynced_compacted_and_downloaded(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    await page.get_by_role("button", name="Resync").click()
    await expect(told(page)).to_contain_text("Resync: all members were asked")
    await page.get_by_role("button", name="Compact").click()
    await expect(told(page)).to_contain_text("Compacted")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    file = await download.value
    assert file.suggested_filename == "notes_first.yjs"
    assert Path(await file.path()).read_bytes() == b"\x00\x00"
    assert [path for _, path, _ in fake.acts] == ["rooms/notes%2Ffirst/resync", "rooms/notes%2Ffirst/compact"]


async def test_what_is_refused_is_said_where_it_was_asked_for(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    fake.failing = (503, "the store is read-only")
    await page.get_by_role("button", name="Compact").click()
    await expect(told(page)).to_contain_text("Compact did not work: the store is read-only.")
    await page.get_by_role("button", name="Revoke…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(dialog.get_by_role("alert")).to_have_text("That did not work: the store is read-only.")
    fake.failing = None
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(told(page)).to_contain_text("All that was granted for this room")
    assert fake.acts == [("POST", "revocations", {"room": "notes/first"})]


async def test_a_room_is_deleted_only_by_who_types_its_name(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM)
    await page.get_by_role("button", name="Delete…").click()
    confirm = page.get_by_role("button", name="Delete for good")
    await page.get_by_label("To delete it, type its name").fill("notes/firs")
    await expect(confirm).to_be_disabled()
    await page.keyboard.press("Enter")
    await page.get_by_label("To delete it, type its name").fill("notes/first")
    await confirm.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Server")
    await expect(rows(page, "The busiest rooms")).to_have_count(2)
    assert fake.acts == [("DELETE", "rooms/notes%2Ffirst", None)]


async def test_hostile_names_are_text(operators: Operators) -> None:
    page = await operators.enter()
    await page.get_by_role("link", name=HOSTILE).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    await expect(page).to_have_title(f"{HOSTILE} · Motet console")
    await expect(rows(page, "Members")).to_contain_text(f"<b>eve</b> ({HOSTILE})")
    await page.reload()
    await expect(rows(page, "Members")).to_contain_text("<b>eve</b>")
    assert await page.locator("main img, main b").count() == 0


async def test_everything_is_reached_by_keys_alone(operators: Operators, fake: Fake) -> None:
    page = await operators.arrive()
    await page.keyboard.type(ADMIN)
    await page.keyboard.press("Enter")
    await expect(chip(page)).to_have_text("Live")
    await tab_to(page, "notes/first")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("notes/first")
    await tab_to(page, "Kick ada, member 1")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    for _ in range(8):  # the focus does not leave the dialog for the page
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.matches('body, dialog *')")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Kick ada, member 1")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(told(page)).to_contain_text("Kicked ada")
    assert fake.acts == [("DELETE", "rooms/notes%2Ffirst/members/1", None)]
    await expect(page.get_by_role("heading", level=1)).to_be_focused()  # the row is gone, and its button with it


async def tab_to(page: Page, name: str) -> None:
    """Tabs on until what has the focus is called so, and is seen to have it."""
    called = "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate(called) == name:
            assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"the Tab key does not lead to {name!r}")


async def test_a_plot_is_read_by_keys_and_by_pointer_and_as_a_table(operators: Operators) -> None:
    page = await operators.enter()
    plot = page.get_by_role("slider", name="Edit to peer, p99, by time")
    await expect(plot).to_have_attribute("aria-valuemax", "359")
    await plot.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(plot).to_have_attribute("aria-valuetext", re.compile(r"\d\d:\d\d:\d\d: \d\.\d ms"))
    await page.keyboard.press("Home")
    await expect(plot).to_have_attribute("aria-valuetext", re.compile("not measured"))
    await plot.hover()
    moments = await page.locator(".plot-moment").all_inner_texts()
    assert len(set(moments)) == 1 and moments[0] != ""  # all plots show one moment
    await page.get_by_text("The last hour as a table").click()
    await expect(page.get_by_role("region", name="The last hour as a table").locator("tbody tr")).to_have_count(60)


async def test_the_plots_of_a_young_server_are_of_an_hour_too(operators: Operators, fake: Fake) -> None:
    fake.points = 3
    page = await operators.enter()
    plot = page.get_by_role("slider", name="People, by time")
    await expect(plot).to_have_attribute("aria-valuemax", "359")
    await plot.focus()
    await page.keyboard.press("Home")
    await expect(plot).to_have_attribute("aria-valuetext", re.compile("not measured"))
    await page.keyboard.press("End")
    await expect(plot).to_have_attribute("aria-valuetext", re.compile(r": \d+$"))


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_each_view_can_be_read_by_everybody(
    operators: Operators, fake: Fake, device: dict[str, object], scheme: str
) -> None:
    fake.reasons = {"disk": "12 MB are free"}
    page = await operators.arrive(color_scheme=scheme, **device)
    await sign_in(page, "expired")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    assert await page.evaluate(CHECKS) == []
    await sign_in(page, ADMIN)
    await expect(rows(page, "The busiest rooms")).to_have_count(3)
    assert await page.evaluate(CHECKS) == []
    await page.evaluate(f"location.hash = '{AT_ROOM}'")
    await expect(rows(page, "Members")).to_have_count(3)
    await page.get_by_text("The document as JSON").click()
    assert await page.evaluate(CHECKS) == []
    for name in ("Set a role…", "Revoke…", "Delete…"):
        await page.get_by_role("button", name=name).click()
        assert await page.evaluate(CHECKS) == []
        await page.keyboard.press("Escape")


async def test_a_phone_shows_rows_as_cards_that_a_finger_can_use(operators: Operators, fake: Fake) -> None:
    page = await operators.enter(AT_ROOM, **PHONE)
    card = rows(page, "Members").first
    box = await card.bounding_box()
    assert box is not None and box["width"] <= 360 and box["height"] > 120
    await expect(page.get_by_role("cell", name="10.9.9.9")).to_be_visible()  # still a table to a screen reader
    button = card.get_by_role("button", name=re.compile("^Kick"))
    size = await button.bounding_box()
    assert size is not None and size["height"] >= 40
    await button.tap()
    await page.get_by_role("button", name="Kick", exact=True).tap()
    await expect(told(page)).to_contain_text("Kicked Bo (slow)")
