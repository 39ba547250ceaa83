"""The HTTP side: health, metrics, pages."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from motet import __version__
from motet.access import Access, OpenAccess, Origins, Rulings, built_in
from motet.api import Console, build
from motet.config import Settings
from motet.crdt import Documents
from motet.ids import RoomName
from motet.observability import History, Recent
from motet.persistence import Journal, MemoryStore
from motet.rooms import Administration, Hub, Inspection, Keeper


@dataclass(frozen=True, slots=True)
class Site:
    """The HTTP application over a hub without sockets, and a client of it."""

    hub: Hub
    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    store = MemoryStore()
    journal = Journal(store, 1 << 20, lambda: None)
    access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
    hub = Hub(Settings(), store, journal, access, lambda room: None, lambda event: None)
    acts = Administration(hub, lambda user: None, Keeper(hub, lambda: 1 << 40).compact)
    history = History(hub.counts, hub.histograms, 0.0)
    console = Console(hub, Inspection(hub, Recent()), acts, history, Documents())
    app = build(console, lambda: 3, Origins((), loopback_pages=False))
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://motet.test") as client:
        yield Site(hub, client)
    await journal.close()


async def test_healthz_says_that_the_process_lives_whatever_else_is_wrong(site: Site) -> None:
    """[W13] A restart would not bring the disk back."""
    site.hub.health.degrade("disk", "full")
    answer = await site.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "alive")
    assert answer.json()["reasons"] == {"disk": "full"}


async def test_readyz_is_green_or_red_with_the_reasons(site: Site) -> None:
    """[R6] [W13] Each a sentence, and since when; degraded is not dead: what only reads is answered."""
    green = await site.get("/readyz")
    assert (green.status_code, green.json()) == (200, {"status": "ready", "reasons": {}, "since": {}})
    before = time.time()
    site.hub.health.degrade("disk", "12 bytes are free")
    red = await site.get("/readyz")
    assert red.status_code == 503
    assert red.json()["status"] == "degraded"
    assert red.json()["reasons"] == {"disk": "12 bytes are free"}
    assert before <= red.json()["since"]["disk"] <= time.time()
    assert (await site.get("/metrics")).status_code == (await site.get("/demo/")).status_code == 200
    site.hub.health.recover("disk")
    assert (await site.get("/readyz")).status_code == 200


async def test_metrics_tell_what_is_so_now(site: Site) -> None:
    """In the form that Prometheus asks for."""
    await site.hub.open(RoomName("a"))
    site.hub.counts.rows += 7
    answer = await site.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = {s.name: s.value for family in text_string_to_metric_families(answer.text) for s in family.samples}
    assert samples["motet_open_connections"] == 3
    assert samples["motet_rooms_loaded"] == 1
    assert samples["motet_rooms_opened_total"] == 1
    assert samples["motet_rows_total"] == 7


async def test_the_front_page_says_what_this_is_and_leads_to_the_demo(site: Site) -> None:
    """It loads nothing from elsewhere, and is asked for anew after an upgrade."""
    page = await site.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert 'href="demo/"' in page.text
    for address in ("/ws/{room}", "/hocuspocus", "healthz", "readyz", "metrics"):
        assert address in page.text
    for remote in ('src="http', 'href="http', "url(http"):
        assert remote not in page.text


async def test_the_demo_is_served_with_its_assets(site: Site) -> None:
    """Its address without the slash leads to it, so that its relative links hold."""
    moved = await site.get("/demo")
    assert moved.status_code == 307
    assert moved.headers["location"] == "demo/"
    page = await site.get("/demo/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    for asset, kind in (("app.js", "javascript"), ("style.css", "css")):
        assert asset in page.text
        answer = await site.get(f"/demo/{asset}")
        assert answer.status_code == 200
        assert kind in answer.headers["content-type"]
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/nothing", "/demo/nothing.js", "/demo/..%2findex.html", "/demo/%2e%2e/%2e%2e/config.py"]
)
async def test_what_is_not_there_is_404(site: Site, path: str) -> None:
    """Nothing outside of the pages can be asked for."""
    assert (await site.get(path)).status_code == 404


POLICY = "content-security-policy"


@pytest.mark.parametrize(
    "path", ["/", "/demo/", "/demo/app.js", "/console/", "/healthz", "/metrics", "/nothing", "/api/v1/status", "/demo"]
)
async def test_browsers_are_told_of_every_answer_how_little_may_be_done_with_it(site: Site, path: str) -> None:
    """[W15] Nothing from elsewhere, in no frame, by its declared type, and no address is told to others."""
    told = (await site.get(path)).headers
    assert (told["x-content-type-options"], told["x-frame-options"]) == ("nosniff", "DENY")
    assert told["referrer-policy"] == "no-referrer"
    policy = dict(part.partition(" ")[::2] for part in told[POLICY].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    allowed = {source for sources in policy.values() for source in sources.split()}
    odd = {source for source in allowed if not re.fullmatch(r"'(none|self|script|sha256-.*|nonce-.*)'|data:", source)}
    assert odd == set()
    assert policy.get("img-src", "data:").split()[-1] == "data:"


async def test_the_demo_s_nonce_is_of_each_answer(site: Site) -> None:
    """[W15] By whichever address, and never one of an answer before."""
    seen = set()
    for path in ("/demo/", "/demo/", "/demo/index.html"):
        page = await site.client.get(
            path, headers={"if-none-match": "*", "if-modified-since": "Tue, 24 Nov 2099 15:00:00 GMT"}
        )
        (nonce,) = re.findall(r"'nonce-([\w-]{20,})'", page.headers[POLICY])
        assert page.text.count(f'nonce="{nonce}"') == 1
        assert "%nonce%" not in page.text
        seen.add(nonce)
    assert len(seen) == 3


async def test_the_front_page_s_policy_names_exactly_what_is_in_it(site: Site) -> None:
    """[W15]"""
    page = await site.get("/")
    inline = re.findall(r"<(?:style|script)[^>]*>(.*?)</(?:style|script)>", page.text, re.DOTALL)
    hashes = {base64.b64encode(sha256(text.encode()).digest()).decode() for text in inline}
    assert len(hashes) == 2
    assert set(re.findall(r"'sha256-([^']+)'", page.headers[POLICY])) == hashes


async def test_what_may_be_asked_is_described_in_openapi(site: Site) -> None:
    """With this version; there is no page for it that would load scripts from elsewhere."""
    described = (await site.get("/openapi.json")).json()
    assert described["info"] == {"title": "Motet", "version": __version__}
    assert {path for path in described["paths"] if not path.startswith("/api/")} == {"/healthz", "/readyz", "/metrics"}
    assert (await site.get("/docs")).status_code == 404
    assert (await site.get("/redoc")).status_code == 404
