"""The pages in a real browser under the policy that a real server sends: they work, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from support.server import MotetServer

pytestmark = pytest.mark.browser

PAGES = {"/": "Many voices", "/demo/?room=policy": "", "/console/": "Admin token"}
"""What is to be seen on each."""

INJECTED = """async () => {
  const script = document.createElement('script');
  script.text = 'window.ran = true';
  document.body.append(script);
  const style = document.createElement('style');
  style.textContent = 'body { outline: 7px solid red }';
  document.head.append(style);
  document.body.setAttribute('style', 'border: 7px solid red');
  const fetched = await fetch('http://127.0.0.1:1/', { mode: 'no-cors' }).then(() => true, (error) => String(error));
  const body = getComputedStyle(document.body);
  return { ran: 'ran' in window, outline: body.outlineStyle, border: body.borderTopWidth, fetched };
}"""


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_works_under_its_policy(page: Page, shared_server: MotetServer, path: str) -> None:
    """[W15] The browser has nothing to complain of."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(shared_server.http_url + path)
    if path.startswith("/demo"):
        editor = page.get_by_label("Shared text").first
        await editor.fill("Hello")
        await expect(page.get_by_label("Shared text").last).to_contain_text("Hello")
        # From the style sheet that the editor makes itself.
        assert await editor.evaluate("(editor) => getComputedStyle(editor).whiteSpace") == "break-spaces"
    else:
        await expect(page.get_by_text(PAGES[path]).first).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.body).margin") == "0px"
    assert complaints == []


@pytest.mark.parametrize("path", PAGES)
async def test_what_gets_into_a_page_can_do_nothing(page: Page, shared_server: MotetServer, path: str) -> None:
    """[W15] Neither run, nor dress, nor call elsewhere."""
    violated: list[str] = []
    page.on("console", lambda message: violated.append(message.text) if message.type == "error" else None)
    await page.goto(shared_server.http_url + path)
    if path == "/console/":
        refused = await page.evaluate("try { document.createElement('script').text = 'x' } catch (e) { String(e) }")
        assert "TrustedScript" in refused
        await page.evaluate("document.body.setAttribute('style', 'border: 7px solid red')")
        assert await page.evaluate("getComputedStyle(document.body).borderTopWidth") == "0px"
    else:
        did = await page.evaluate(INJECTED)
        assert (did["ran"], did["outline"], did["border"]) == (False, "none", "0px")
        assert did["fetched"] == "TypeError: Failed to fetch"
        assert any("connect-src" in text or "default-src" in text for text in violated)


@pytest.mark.parametrize("path", ["/", "/demo/", "/console/"])
async def test_a_page_is_in_no_frame(page: Page, motet_server: MotetServer, path: str) -> None:
    """[W15] Where a click could be stolen."""
    html = f'<iframe src="{motet_server.http_url}{path}"></iframe>'
    await page.route("http://elsewhere.example/", lambda route: route.fulfill(body=html, content_type="text/html"))
    await page.goto("http://elsewhere.example/")
    frame = page.frames[1]
    assert not (await frame.content()).count("Motet")
