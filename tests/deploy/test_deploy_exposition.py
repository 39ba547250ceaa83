"""Alerts, dashboard and runbook against what a real server says of itself under real traffic."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from promtool import STEP, Promtool, recorded
from shipped import OF_TARGETS, RUNBOOK, alerts, dashboard_queries, labels_in, names_in

from motet.observability.counts import REASONS
from motet.observability.metrics import described
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import Typist

SLOW = {"MOTET_CONNECTION_FRAMES_PER_SECOND": "20", "MOTET_RATE_SECONDS": "1"}
"""Whoever types fast is slowed down."""
OURS = {metric.name: metric.label for metric in described()}
OF_MACHINES = {"MotetLoopLag", "MotetCommitsSlow", "MotetDiskLow"}
"""What a machine that runs tests may really have."""

pytestmark = pytest.mark.prometheus


async def typing(server: MotetServer, scrapes: int, client: int = 7) -> list[str]:
    """Scrapes of a server in which one types and another reads."""
    author, reader = [
        await RawClient.yjs(server.ws_url, "notes/a", token=token(user, role))
        for user, role in (("ada", "editor"), ("bob", "viewer"))
    ]
    typist = Typist(client)
    await author.synced()
    await reader.synced()
    found = []
    for _ in range(scrapes):
        rows = server.metric("motet_commit_rows_count")
        for word in ("one ", "two "):
            await author.update(typist.type(word))
        author.answer = reader.answer = typist.everything()  # as clients that hold the document, when they are asked
        await eventually(lambda: server.metric("motet_commit_rows_count") > rows, "the edit is on disk")  # noqa: B023
        found.append(server.get("/metrics")[1])
    await author.close()
    await reader.close()
    return found


async def trouble(server: MotetServer) -> None:
    """Whatever is counted by a label and can be had from outside."""
    stranger = await RawClient.yjs(server.ws_url, "notes/a", token=token("eve", {}))
    viewer = await RawClient.yjs(server.ws_url, "notes/a", token=token("bob", "viewer"))
    await viewer.synced()
    for word in range(200):
        await viewer.update(Typist(8).type(f"{word}"))
    admin = token("root", "admin")
    for act in ("resync", "compact"):
        assert server.ask("POST", f"/api/v1/rooms/notes%2Fa/{act}", token=admin)[0] == 204
    for name in ("refusals", "edits_refused", "slowed", "resyncs"):
        await eventually(lambda: f"\nmotet_{name}_total{{" in server.get("/metrics")[1], name)  # noqa: B023
    await stranger.close()
    await viewer.close()


async def test_a_busy_server_answers_every_query_of_the_dashboard(start_motet: StartMotet, promtool: Promtool) -> None:
    """promtool evaluates each over what was scraped; none comes back empty."""
    server = start_motet(SECURED | SLOW)
    scrapes = await typing(server, 3)
    await trouble(server)
    scrapes += await typing(server, 3, client=9)
    series = recorded(scrapes)
    queries = [query for _, query in dashboard_queries()]
    found = promtool.values(series, queries, STEP * (len(scrapes) - 1))
    assert [query for query in queries if found[query] == "nil"] == []


async def test_every_name_and_label_that_is_asked_for_is_served(start_motet: StartMotet) -> None:
    """In alerts, dashboard and runbook."""
    server = start_motet(SECURED)
    families = list(text_string_to_metric_families((await typing(server, 1))[0]))
    samples = {sample.name for family in families for sample in family.samples}
    served = samples | set(OURS) | {family.name for family in families}
    assert {name for name in OURS if name.removesuffix("_total") not in {family.name for family in families}} == set()
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    labels |= {*OF_TARGETS, "alertname", "alertstate"}
    queries = [alert.query for alert in alerts()] + [query for _, query in dashboard_queries()]
    assert {name for query in queries for name in names_in(query)} - served == set()
    assert {label for query in queries for label in labels_in(query)} - labels == set()
    told = re.findall(r"`(motet_\w+)(?:\{(\w+)=[^`]*)?`", RUNBOOK.read_text("utf-8"))
    assert {name for name, _ in told} - served - {*REASONS.values()} == set()
    assert {(name, label) for name, label in told if label and OURS[name] != label} == set()


async def test_promtool_has_nothing_to_complain_of_the_exposition(start_motet: StartMotet, promtool: Promtool) -> None:
    """Names, units, help: as Prometheus recommends."""
    server = start_motet(SECURED)
    (text,) = await typing(server, 1)
    assert promtool.check("metrics", given=text) == ""


async def test_a_healthy_server_alarms_nobody(start_motet: StartMotet, promtool: Promtool) -> None:
    """What was scraped while two people worked, held for twenty minutes."""
    scrapes = await typing(start_motet(SECURED), 4)
    series = recorded(scrapes, repeated=80)
    for at in (60, 300, 600, 1200):
        assert promtool.firing(series, at) - OF_MACHINES == set()


async def test_a_server_whose_disk_is_full_alarms_by_the_names_of_the_runbook(
    tmp_path: Path, promtool: Promtool
) -> None:
    """Read-only and not ready, and that the disk is low where it really is."""
    server = MotetServer(tmp_path / "data", tmp_path / "log", env=SECURED | {"MOTET_LOW_DISK_BYTES": str(1 << 60)})
    server.launch()
    try:
        await eventually(lambda: server.readiness() == 503, "it is read-only")
        series = recorded([server.get("/metrics")[1]], repeated=20)
    finally:
        server.discard()
    assert promtool.firing(series, 300) - OF_MACHINES == {"MotetReadOnly", "MotetNotReady"}
