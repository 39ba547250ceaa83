"""The demo page in a real browser, against a real server: what a visitor sees and can rely on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from support.server import MotetServer

pytestmark = pytest.mark.browser

PATIENCE = 30_000
"""Milliseconds that bound the waiting for what a person would see at once."""
UNDO_STEP = 600
"""Milliseconds: a little more than the page's own constant of that name."""
EDITS_AFTER = "Then the server came back. "
SEEDED_NOTES = 5

expect.set_options(timeout=PATIENCE)


class Visitors:
    """People with browsers of their own. What their consoles complain about is kept in `complaints`."""

    def __init__(self, browser: Browser, url: str, room: str) -> None:
        self._browser = browser
        self._url = f"{url}/demo/?room={room}"
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    async def arrive(self, **context_options: Any) -> Page:
        """A new person opens the room, in a browser that knows nobody, and sees what the server holds."""
        # Reduced motion leaves out the overture and the smoothing: a place is where it was put, at once.
        options = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **context_options}
        context = await self._browser.new_context(**options)
        self._contexts.append(context)
        return await self.open_tab(context)

    async def open_tab(self, context: BrowserContext) -> Page:
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._note_complaint)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self._url)
        await expect(pane(page, 0).locator(".note")).to_have_count(SEEDED_NOTES)
        return page

    def _note_complaint(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest.fixture
async def visitors(browser: Browser, motet_server: MotetServer) -> AsyncIterator[Visitors]:
    people = Visitors(browser, motet_server.http_url, "demo-page")
    yield people
    await people.leave()


def pane(page: Page, index: int) -> Locator:
    return page.locator(".pane").nth(index)


def text_of(view: Locator) -> Locator:
    return view.locator(".cm-content")


def note_of(view: Locator, note: str) -> Locator:
    return view.locator(f'[data-note="{note}"]')


async def type_at_start(page: Page, view: Locator, text: str) -> None:
    await text_of(view).click()
    await page.keyboard.press("Control+Home")
    await page.keyboard.type(text)


async def drag(page: Page, note: Locator, dx: int, dy: int) -> None:
    """By the mouse, with a pause on the way that would end an undo step anywhere else."""
    box = await note.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 12
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + dx / 2, y + dy / 2, steps=10)
    await page.wait_for_timeout(UNDO_STEP)
    await page.mouse.move(x + dx, y + dy, steps=10)
    await page.mouse.up()


async def place_of(note: Locator) -> str:
    """Where a note is on the board: its `translate`, in board units, whatever the size of the pane."""
    return str(await note.evaluate("note => note.style.translate"))


async def test_a_lone_visitor_sees_two_people_and_one_of_them_moves(visitors: Visitors) -> None:
    page = await visitors.arrive(reduced_motion="no-preference")
    you, second = pane(page, 0), pane(page, 1)
    await expect(you.locator(".pointer")).to_be_visible()
    await expect(note_of(you, "drag")).to_have_class("note held")
    await expect(you.locator(".caret")).to_be_attached()
    await expect(you.locator(".marked")).to_have_text("several")
    for view in (you, second):
        await expect(view.locator(".chip")).to_have_text("Live")
        await expect(view.locator(".roster .face")).to_have_count(2)
    assert await place_of(note_of(you, "drag")) == await place_of(note_of(second, "drag")) != "48px 44px"
    await expect(you.get_by_label("Undo mine")).to_be_disabled()
    assert visitors.complaints == []


async def test_two_people_edit_one_text_and_see_each_others_carets(visitors: Visitors) -> None:
    ada, bo = await visitors.arrive(), await visitors.arrive()
    await pane(ada, 0).locator(".name").fill("Ada")
    await pane(ada, 0).locator(".name").press("Enter")
    await type_at_start(ada, pane(ada, 0), "From Ada. ")
    await expect(text_of(pane(bo, 0))).to_contain_text("From Ada.")
    await expect(pane(bo, 0).locator('.caret[data-name="Ada"]')).to_be_attached()
    await type_at_start(bo, pane(bo, 0), "From Bo. ")
    await expect(text_of(pane(ada, 0))).to_contain_text("From Bo. ")
    await ada.keyboard.press("Shift+End")
    await expect(pane(bo, 0).locator(".marked").first).to_be_visible()
    await expect(pane(bo, 0).locator(".roster")).to_have_attribute("aria-label", re.compile(r"4 here: .*\bAda\b"))
    assert visitors.complaints == []


async def test_a_dragged_note_moves_for_everybody_and_is_one_step_to_undo(visitors: Visitors) -> None:
    ada, bo = await visitors.arrive(), await visitors.arrive()
    mine, theirs = note_of(pane(ada, 0), "drag"), note_of(pane(bo, 0), "drag")
    before = await place_of(theirs)
    await drag(ada, mine, 120, 40)
    after = await place_of(mine)
    assert after != before
    await expect(theirs).to_have_css("translate", after)
    await expect(theirs).to_have_class("note held")
    await expect(pane(bo, 0).locator(".pointer")).to_have_count(1)
    await pane(ada, 0).get_by_label("Undo mine").click()
    await expect(theirs).to_have_css("translate", before)
    await expect(pane(ada, 0).get_by_label("Undo mine")).to_be_disabled()
    assert visitors.complaints == []


async def test_undo_takes_back_only_what_its_own_person_did(visitors: Visitors) -> None:
    ada, bo = await visitors.arrive(), await visitors.arrive()
    await type_at_start(ada, pane(ada, 0), "Ada was here. ")
    await expect(text_of(pane(bo, 0))).to_contain_text("Ada was here.")
    await type_at_start(bo, pane(bo, 0), "Bo too. ")
    await note_of(pane(bo, 0), "undo").click()
    await note_of(pane(bo, 0), "undo").get_by_label("Delete note").click()
    await expect(pane(ada, 0).locator(".note")).to_have_count(SEEDED_NOTES - 1)
    await pane(ada, 0).get_by_label("Undo mine").click()
    await expect(text_of(pane(bo, 0))).not_to_contain_text("Ada was here.")
    await expect(text_of(pane(bo, 0))).to_contain_text("Bo too.")
    await expect(pane(ada, 0).locator(".note")).to_have_count(SEEDED_NOTES - 1)
    await pane(bo, 0).get_by_label("Undo mine").click()
    await expect(pane(ada, 0).locator(".note")).to_have_count(SEEDED_NOTES)
    await expect(note_of(pane(ada, 0), "undo").locator("textarea")).to_have_value("Undo takes back only what you did.")
    assert visitors.complaints == []


async def test_two_people_type_in_one_note(visitors: Visitors) -> None:
    ada, bo = await visitors.arrive(), await visitors.arrive()
    for page in (ada, bo):
        await note_of(pane(page, 0), "edit").click()
        await note_of(pane(page, 0), "edit").click()
    await ada.keyboard.press("Control+Home")
    await asyncio.gather(ada.keyboard.type("Ada's line. ", delay=10), bo.keyboard.type(" Bo's line.", delay=10))
    both = "Ada's line. Click twice to write. Two people can type in one note. Bo's line."
    for page in (ada, bo):
        await expect(note_of(pane(page, 0), "edit").locator("textarea")).to_have_value(both)
    assert visitors.complaints == []


async def test_a_note_is_made_painted_and_moved_by_keys_alone(visitors: Visitors) -> None:
    ada, bo = await visitors.arrive(), await visitors.arrive()
    await pane(ada, 0).get_by_role("button", name="Note", exact=True).press("Enter")
    await ada.keyboard.type("By keys")
    await ada.keyboard.press("Escape")
    theirs = pane(bo, 0).get_by_label("By keys", exact=True)
    await expect(theirs).to_be_visible()
    before = await place_of(theirs)
    await ada.keyboard.press("ArrowRight")
    await expect(theirs).not_to_have_css("translate", before)
    await ada.keyboard.press("Tab")
    await ada.keyboard.press("Tab")
    await ada.keyboard.press("Enter")
    await expect(theirs).to_have_attribute("data-color", "rose")
    assert visitors.complaints == []


async def test_a_pane_that_was_offline_brings_its_edits_and_its_person_back(visitors: Visitors) -> None:
    page = await visitors.arrive()
    you, second = pane(page, 0), pane(page, 1)
    await you.get_by_role("switch").click()
    await expect(you.locator(".chip")).to_have_text("Offline")
    await expect(second.locator(".face.left")).to_have_count(1)
    await type_at_start(page, you, "Written alone. ")
    await type_at_start(page, second, "Meanwhile. ")
    await expect(page.locator(".unison")).to_contain_text("Apart")
    await expect(text_of(second)).not_to_contain_text("Written alone.")
    await you.get_by_role("switch").click()
    for view in (you, second):
        await expect(text_of(view)).to_contain_text("Written alone.")
        await expect(text_of(view)).to_contain_text("Meanwhile.")
        await expect(view.locator(".face.left")).to_have_count(0)
        await expect(view.locator(".roster .face")).to_have_count(2)
    await expect(you.locator(".toast")).to_have_text("Back online · 15 edits sent")
    await expect(page.locator(".unison")).to_contain_text("In unison")
    assert visitors.complaints == []


async def test_nothing_is_lost_when_the_server_is_killed_and_started_again(
    visitors: Visitors, motet_server: MotetServer
) -> None:
    ada, bo = await visitors.arrive(), await visitors.arrive()
    await type_at_start(ada, pane(ada, 0), "Before the end. ")
    await expect(text_of(pane(bo, 0))).to_contain_text("Before the end.")
    await asyncio.to_thread(motet_server.kill)
    for page in (ada, bo):
        await expect(pane(page, 0).locator(".chip")).to_contain_text("Reconnecting")
    await type_at_start(ada, pane(ada, 0), "Ada goes on. ")
    await drag(bo, note_of(pane(bo, 0), "join"), -150, -60)
    moved = await place_of(note_of(pane(bo, 0), "join"))
    await asyncio.to_thread(motet_server.start)
    newcomer = await visitors.arrive()
    for page in (ada, bo, newcomer):
        await expect(pane(page, 0).locator(".chip")).to_have_text("Live")
        await expect(text_of(pane(page, 0))).to_contain_text("Before the end.")
        await expect(text_of(pane(page, 0))).to_contain_text("Ada goes on.")
        await expect(note_of(pane(page, 0), "join")).to_have_css("translate", moved)
        await expect(page.locator(".unison")).to_contain_text("In unison")
    await type_at_start(newcomer, pane(newcomer, 0), EDITS_AFTER)
    await expect(text_of(pane(ada, 0))).to_contain_text(EDITS_AFTER)
    refused = [text for text in visitors.complaints if not text.startswith("WebSocket connection to ")]
    assert refused == []


async def test_people_who_open_a_new_room_at_the_same_moment_get_its_content_once(visitors: Visitors) -> None:
    pages = await asyncio.gather(*(visitors.arrive() for _ in range(3)))
    for page in pages:
        await expect(pane(page, 0).locator(".roster")).to_have_attribute("aria-label", re.compile("6 here: "))
        await expect(page.locator(".unison")).to_contain_text("In unison")
        await expect(pane(page, 0).locator(".note")).to_have_count(SEEDED_NOTES)
        text = await text_of(pane(page, 0)).inner_text()
        assert text.count("A motet is one piece") == 1
    assert visitors.complaints == []


async def test_one_person_with_two_tabs_is_one_person_with_two_devices(visitors: Visitors) -> None:
    first = await visitors.arrive()
    second = await visitors.open_tab(first.context)
    for page in (first, second):
        await expect(pane(page, 0).locator(".roster .face")).to_have_count(2)
        await expect(pane(page, 0).locator(".roster .devices")).to_have_text(["2", "2"])
    await pane(first, 0).locator(".name").fill("Renamed")
    await pane(first, 0).locator(".name").press("Enter")
    await expect(pane(second, 0).locator(".name")).to_have_value("Renamed")
    assert visitors.complaints == []


async def test_a_phone_shows_one_pane_at_a_time_and_touch_drags(visitors: Visitors) -> None:
    page = await visitors.arrive(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    you, second = pane(page, 0), pane(page, 1)
    await expect(you).to_be_visible()
    await expect(second).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.locator(".tab").nth(1).tap()
    await expect(second).to_be_visible()
    before = await place_of(note_of(you, "drag"))
    await drag(page, note_of(second, "drag"), 60, 30)
    await expect(note_of(you, "drag")).not_to_have_css("translate", before)
    assert visitors.complaints == []
