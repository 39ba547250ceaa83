"""Operators before the console in a real browser, and what any page must have for everybody to be able to use it."""

from __future__ import annotations

from typing import Any

from console_fake import ADMIN
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

PATIENCE = 30_000
"""Milliseconds that bound the waiting for what a person would see at once."""
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

expect.set_options(timeout=PATIENCE)

CHECKS = """() => {
  const wrong = [];
  const seen = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility());
  const dialog = document.querySelector('dialog[open]');
  const named = (e) => e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim();
  for (const e of seen.filter((e) => e.matches('a, button, input, select, summary, [tabindex="0"]')))
    if (!named(e)) wrong.push('without a name: ' + e.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('id twice: ' + id);
  for (const e of document.querySelectorAll('[aria-labelledby]'))
    if (!document.getElementById(e.getAttribute('aria-labelledby'))) wrong.push('labelled by nothing: ' + e.className);
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  for (const landmark of ['header', 'main'])
    if (document.querySelectorAll(landmark).length !== 1) wrong.push('not one ' + landmark);
  for (const table of document.querySelectorAll('table')) {
    if (!table.ariaLabel && !table.caption) wrong.push('a table without a name');
    for (const th of table.querySelectorAll('th')) if (!th.scope) wrong.push('a header of nothing: ' + th.textContent);
  }
  for (const e of document.querySelectorAll('[style]')) wrong.push('inline style: ' + e.outerHTML.slice(0, 80));
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const back = getComputedStyle(e).backgroundColor;
      if (back.startsWith('rgb(')) return channels(back);
    }
    return [255, 255, 255];
  };
  for (const e of seen) {
    const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!hasText || e.disabled || e.closest('code')) continue;
    if (dialog && !dialog.contains(e)) continue;
    const [a, b] = [light(channels(getComputedStyle(e).color)), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(1)}: ${e.textContent.slice(0, 40)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the window');
  return wrong;
}"""
"""WCAG 2.2 AA, as far as a script can tell: names, headings, landmarks, tables, contrast, reflow."""


class Operators:
    """People with browsers of their own. What their browsers complain about is kept in `complaints`."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = f"{url}/console/"
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    async def arrive(self, address: str = "", **context_options: Any) -> Page:
        """Somebody opens the console, and is asked for a token."""
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **context_options}
        context = await self._browser.new_context(**options)
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._note_complaint)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"alert: {dialog.message}"))
        await page.goto(self._url + address)
        await expect(page.get_by_label("Admin token")).to_be_focused()
        return page

    async def enter(self, address: str = "", token: str = ADMIN, **context_options: Any) -> Page:
        """The same, and signs in."""
        page = await self.arrive(address, **context_options)
        await sign_in(page, token)
        await expect(chip(page)).to_have_text("Live")
        return page

    def _note_complaint(self, message: ConsoleMessage) -> None:
        # A browser notes each refused request; what the page says of it is tested.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()


async def sign_in(page: Page, token: str) -> None:
    await page.get_by_label("Admin token").fill(token)
    await page.keyboard.press("Enter")


def chip(page: Page) -> Locator:
    """The state of the connection."""
    return page.locator(".chip")


def rows(page: Page, table: str) -> Locator:
    """The rows of a table, by its name."""
    return page.get_by_role("table", name=table, exact=True).locator("tbody tr")


def told(page: Page) -> Locator:
    """What came of the last act."""
    return page.locator(".notice")


def figure(page: Page, name: str) -> Locator:
    """A large figure, by its name."""
    return page.locator(".figures > div").filter(has=page.get_by_text(name, exact=True)).locator("dd")
