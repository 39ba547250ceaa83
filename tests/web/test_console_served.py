"""The console page in a real browser, over a real server: what it shows is so, what it does is done."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from console_operator import Operators, chip, figure, rows, sign_in, told
from playwright.async_api import Browser, Page, expect
from pycrdt import Doc, Text
from websockets.asyncio.client import connect

from support.pycrdt_client import PycrdtClient
from support.server import MotetServer, StartMotet
from support.tokens import SECURED, token

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>/a%2Fb \"'&?#☃"


@pytest.fixture
def server(start_motet: StartMotet) -> MotetServer:
    return start_motet(SECURED)


@pytest.fixture
async def operators(browser: Browser, server: MotetServer) -> AsyncIterator[Operators]:
    people = Operators(browser, server.http_url)
    yield people
    await people.leave()
    assert people.complaints == []


@pytest.fixture
async def ada(server: MotetServer) -> AsyncIterator[PycrdtClient]:
    """Ada has written into the room whose name is hostile."""
    client = await PycrdtClient.join(server.ws_url, HOSTILE, token("ada", name="Ada"))
    await client.edit(append="Hello.")
    yield client
    await client.destroy()


async def at_room(operators: Operators) -> Page:
    """An admin who found the room in the list, and opened it."""
    page = await operators.enter(token=token("ops", "admin"))
    await page.get_by_role("link", name=HOSTILE).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    await expect(chip(page)).to_have_text("Live")
    return page


async def test_one_room_is_seen_as_it_is(operators: Operators, ada: PycrdtClient, server: MotetServer) -> None:
    page = await at_room(operators)
    await expect(rows(page, "Members")).to_have_count(1)
    await expect(rows(page, "Members")).to_contain_text("Ada (ada)")
    await expect(rows(page, "Members")).to_contain_text("editor, until")
    await expect(rows(page, "Last rows of the log").first).to_contain_text("ada")
    await ada.set_awareness({"cursor": {"anchor": 3}})
    await expect(rows(page, "Presence")).to_contain_text('"anchor":3')
    bo = await PycrdtClient.join(server.ws_url, HOSTILE, token("bo"))
    await expect(rows(page, "Members")).to_have_count(2)
    await expect(figure(page, "People")).to_have_text("2")
    await bo.destroy()
    await expect(rows(page, "Members")).to_have_count(1)
    headers = {"authorization": f"Bearer {token('eve', {'other': 'editor'})}"}
    async with connect(f"{server.ws_url}/ws/{quote(HOSTILE)}", additional_headers=headers, proxy=None) as refused:
        await refused.wait_closed()
    await expect(rows(page, "Recent refusals")).to_contain_text("this grant is not for that room")


async def test_what_is_done_to_a_room_is_done(operators: Operators, ada: PycrdtClient) -> None:
    page = await at_room(operators)
    await page.get_by_text("The document as JSON").click()
    await expect(page.get_by_label("The document as JSON")).to_contain_text("Hello.")
    await page.get_by_text("The hash of its state").click()
    await expect(page.locator(".hash")).to_have_text(re.compile("^[0-9a-f]{64}$"))
    await page.get_by_role("button", name="Compact").click()
    await expect(told(page)).to_contain_text("Compacted")
    await expect(figure(page, "Snapshot seq")).to_have_text("1")
    await page.get_by_role("button", name="Resync").click()
    await expect(told(page)).to_contain_text("Resync: all members were asked")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    document: Doc[Any] = Doc()
    document.apply_update(Path(await (await download.value).path()).read_bytes())
    assert str(document.get("text", type=Text)) == "Hello."
    await page.get_by_role("button", name="Delete…").click()
    await page.get_by_label("To delete it, type its name").fill(HOSTILE)
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Server")
    await expect(page.get_by_role("link", name=HOSTILE)).to_have_count(0)


async def test_what_is_done_to_a_member_is_done(operators: Operators, ada: PycrdtClient) -> None:
    page = await at_room(operators)
    await page.get_by_role("button", name=re.compile("^Set the role of")).click()
    await page.get_by_label("Role", exact=True).select_option("viewer")
    await page.get_by_role("button", name="Set role").click()
    await expect(rows(page, "Members")).to_contain_text("viewer, until")
    await page.get_by_role("button", name=re.compile("^Kick")).click()
    await page.get_by_role("button", name="Kick", exact=True).click()
    await expect(page.get_by_text("Nobody is in this room.")).to_be_visible()
    await asyncio.wait_for(ada.connection.wait_closed(), 10)


async def test_the_door_is_for_admins_of_all_rooms(operators: Operators) -> None:
    page = await operators.arrive()
    for shown, words in (
        (token("ops", "admin", -10), "This token has expired."),
        (token("ed", "editor"), "This token is good, but it is not an admin"),
        (token("ops", {"notes/*": "admin"}), "This token is good, but it is not an admin"),
        (token("ops", "admin", secret="somebody else's secret, 32 bytes and more"), "does not accept this token"),
    ):
        await sign_in(page, shown)
        await expect(page.get_by_role("alert")).to_contain_text(words)
    await sign_in(page, token("ops", "admin"))
    await expect(chip(page)).to_have_text("Live")


async def test_a_server_without_authentication_says_so(browser: Browser, motet_server: MotetServer) -> None:
    operators = Operators(browser, motet_server.http_url)
    page = await operators.arrive()
    await sign_in(page, token("ops", "admin"))
    await expect(page.get_by_role("alert")).to_contain_text("This server has no authentication")
    await operators.leave()


async def test_a_grant_that_ends_closes_the_page(operators: Operators) -> None:
    page = await operators.arrive()
    await sign_in(page, token("ops", "admin", 3))
    await expect(page.get_by_role("alert")).to_contain_text("This token has expired.")


async def test_the_page_outlives_its_server(operators: Operators, server: MotetServer) -> None:
    page = await operators.enter(token=token("ops", "admin"))
    await asyncio.to_thread(server.kill)
    await expect(page.locator(".banner")).to_contain_text("Stale since")
    await asyncio.to_thread(server.start)
    await expect(chip(page)).to_have_text("Live")
    await expect(page.locator(".banner")).to_be_hidden()
