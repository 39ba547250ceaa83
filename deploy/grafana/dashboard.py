"""The Grafana dashboard. Run as a script it writes `motet.json`, which is what Grafana imports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("motet.json")

SELECTED = '{job="$job", instance=~"$instance"}'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
"""Columns of Grafana's grid."""
HEIGHT = 7
LINE = 100
"""Characters of a line of the file."""

Target = tuple[str, str]
"""A query, and how its series are called."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    unit: str
    """Of Grafana's: short, s, bytes, Bps, ops, percentunit, …"""
    targets: list[Target]
    text: str
    """What to look for."""
    width: int = 8
    bad: float | None = None
    """The value from which on it is red, as the alert has it; for a single value: from 0 on green, else red."""
    is_value: bool = False
    """The newest value, large, instead of a plot."""


def gauge(name: str, label: str = "") -> Target:
    """The metric as it is, of each instance, and of each value of its label."""
    return f"motet_{name}{SELECTED}", _legend(label)


def rate(name: str, label: str = "") -> Target:
    """A counter's increase per second."""
    by = ", ".join(filter(None, ("instance", label)))
    return f"sum by ({by}) (rate(motet_{name}{SELECTED}[$__rate_interval]))", _legend(label)


def _legend(label: str) -> str:
    return f"{{{{{label}}}}} {{{{instance}}}}" if label else "{{instance}}"


def quantiles(name: str) -> list[Target]:
    """The middle and the slow end of a histogram."""
    rates = f"sum by (instance, le) (rate(motet_{name}_bucket{SELECTED}[$__rate_interval]))"
    return [(f"histogram_quantile({q}, {rates})", f"p{100 * q:g} {{{{instance}}}}") for q in (0.5, 0.99)]


def called(word: str, target: Target) -> Target:
    """With a word before its name."""
    return target[0], f"{word} {target[1]}"


PROCESS = f"process_resident_memory_bytes{SELECTED}", "{{instance}}"
CPU = f"rate(process_cpu_seconds_total{SELECTED}[$__rate_interval])", "{{instance}}"
FIRING = 'count(ALERTS{alertname=~"Motet.+", alertstate="firing"}) or vector(0)', "firing"
DIVERGED = f"sum by (instance) (motet_divergences_total{SELECTED})", "{{instance}}"

ROWS: dict[str, list[Panel]] = {
    "Health": [
        Panel(
            "Alerts", "short", [FIRING], "Motet's alerts that fire. docs/RUNBOOK.md has a section for each.", 4, 1, True
        ),
        Panel(
            "Not ready",
            "bool_yes_no",
            [(f"1 - motet_ready{SELECTED}", "{{instance}}")],
            "/readyz says why: store, disk, loop, keys, draining.",
            4,
            1,
            True,
        ),
        Panel("Read-only", "bool_yes_no", [gauge("read_only")], "No edit is taken.", 4, 1, True),
        Panel("Divergences", "short", [DIVERGED], "Since the start of the process.", 4, 1, True),
        Panel(
            "Disk, free",
            "bytes",
            [gauge("disk_free_bytes")],
            "At low_disk_bytes the server turns read-only.",
            4,
            None,
            True,
        ),
        Panel(
            "Up",
            "s",
            [(f"time() - process_start_time_seconds{SELECTED}", "{{instance}}")],
            "Since the start.",
            4,
            None,
            True,
        ),
    ],
    "Edits": [
        Panel("Updates", "ops", [rate("updates_total")], "That members sent; those that were refused too."),
        Panel(
            "Edit to peer",
            "s",
            quantiles("edit_to_peer_seconds"),
            "From a room's first update in a turn of the loop until all were written to its members.",
            bad=0.1,
        ),
        Panel("Edit to disk", "s", quantiles("edit_to_durable_seconds"), "What “saved” waits for.", bad=0.5),
        Panel(
            "Bytes of updates",
            "Bps",
            [called("sent", rate("update_bytes_total")), called("stored", rate("row_bytes_total"))],
            "Stored are those that were new.",
        ),
        Panel(
            "Edits refused",
            "ops",
            [rate("edits_refused_total", "reason")],
            "lane: not for this role; quota: too large; malformed, conflict: a bug in a client.",
        ),
        Panel("Resyncs", "ops", [rate("resyncs_total", "reason")], "Members asked for what the server lacks."),
    ],
    "Rooms and people": [
        Panel(
            "People and members",
            "short",
            [called("people", gauge("people")), called("members", gauge("members"))],
            "A member is one connection in one room.",
        ),
        Panel("Open connections", "short", [gauge("open_connections", "dialect")], "At most max_connections."),
        Panel(
            "Rooms",
            "short",
            [called("loaded", gauge("rooms_loaded")), called("without members", gauge("rooms_without_members"))],
            "A room without members leaves memory after room_idle_seconds.",
        ),
        Panel("Joins", "ops", [rate("joins_total", "dialect")], "Many at once: everybody came back."),
        Panel("Join", "s", quantiles("join_seconds"), "From the upgrade until the member is in the room."),
        Panel("Opening a room", "s", quantiles("room_open_seconds"), "Reading and loading it."),
        Panel(
            "Documents in memory",
            "bytes",
            [gauge("loaded_bytes")],
            "Above max_loaded_bytes rooms without members leave at once.",
        ),
        Panel(
            "Rooms opened and closed",
            "ops",
            [called("opened", rate("rooms_opened_total")), called("closed", rate("rooms_closed_total"))],
            "Both high: room_idle_seconds is too short.",
        ),
        Panel("Memory of the process", "bytes", [PROCESS], "Grows with documents in memory and write buffers."),
    ],
    "Store": [
        Panel("Commit", "s", quantiles("commit_seconds"), "An SSD's fsync takes 1 to 10 ms.", bad=0.1),
        Panel("Rows in a commit", "short", quantiles("commit_rows"), "The slower the disk, the more come together."),
        Panel(
            "Waiting for the disk",
            "bytes",
            [gauge("journal_bytes")],
            "At max_journal_bytes writers are not read any more.",
            bad=4 << 20,
        ),
        Panel(
            "Rows",
            "ops",
            [called("written", rate("rows_total")), called("waiting", gauge("journal_rows"))],
            "Log rows, one for each author and commit.",
        ),
        Panel(
            "Failures",
            "ops",
            [called("store", rate("store_failures_total")), called("snapshots", rate("snapshot_failures_total"))],
            "Any is worth a look at the log.",
        ),
        Panel("Snapshots", "ops", [rate("snapshots_total")], "Logs that were folded."),
        Panel("Writing a snapshot", "s", quantiles("snapshot_seconds"), "Beside the traffic."),
        Panel("Disk, free", "bytes", [gauge("disk_free_bytes")], "Of the data directory.", 16),
    ],
    "Network and slow members": [
        Panel(
            "Members behind",
            "short",
            [gauge("members_behind")],
            "They get no updates until their sockets have drained.",
        ),
        Panel(
            "Write buffers",
            "bytes",
            [called("all", gauge("outbox_bytes")), called("fullest", gauge("outbox_max_bytes"))],
            "Above high_water_bytes a member is behind.",
        ),
        Panel(
            "Falling behind, sent away",
            "ops",
            [called("behind", rate("behind_total")), called("sent away", rate("dismissed_total"))],
            "Sent away: too slow, over a limit, revoked, or sending nonsense.",
        ),
        Panel(
            "Messages and frames",
            "ops",
            [called("in", rate("messages_in_total")), called("out", rate("frames_out_total"))],
            "Of all members.",
        ),
        Panel(
            "Traffic",
            "Bps",
            [called("in", rate("bytes_in_total")), called("out", rate("bytes_out_total"))],
            "Of all members.",
        ),
        Panel(
            "Presence",
            "ops",
            [called("frames", rate("presence_frames_total")), called("not written", rate("presence_dropped_total"))],
            "Cursors. Not written: their member was behind, and gets the newest later.",
        ),
    ],
    "Refusals and access": [
        Panel(
            "Refusals", "ops", [rate("refusals_total", "reason")], "Connections, documents, requests not let in.", 12, 1
        ),
        Panel(
            "Connections opened",
            "ops",
            [rate("connections_total", "dialect")],
            "More than joins: clients that come back and are refused.",
            12,
        ),
        Panel(
            "Slowed down",
            "ops",
            [rate("slowed_total", "kind")],
            "Seconds in which a socket or a room was over a rate.",
            12,
            0.5,
        ),
        Panel(
            "Keys of tokens cannot be fetched", "bool_yes_no", [gauge("keys_failing")], "jwks_url does not answer.", 12
        ),
    ],
    "Event loop": [
        Panel("Lag", "s", [gauge("loop_lag_seconds")], "The worst of 10 s. Everybody waits for so long.", bad=0.25),
        Panel(
            "CPU",
            "percentunit",
            [CPU],
            "One core is all that the event loop can use; the document worker is a process of its own.",
        ),
        Panel(
            "Exceptions and dropped lines",
            "ops",
            [called("exceptions", rate("exceptions_total")), called("lines", rate("log_lines_dropped_total"))],
            "Exceptions that nobody designed; log lines beyond what is written of one name.",
        ),
    ],
    "Divergence": [
        Panel(
            "Found",
            "short",
            [gauge("divergences_total", "kind")],
            "Since the start. log: a room and its log; member: a member and its room.",
            12,
        ),
        Panel("Healed", "short", [gauge("healed_total", "how")], "It should be as many as were found.", 12),
    ],
}


def dashboard() -> dict[str, Any]:
    """What Grafana (11 or newer) imports: no id and no data source of anybody's, these are chosen on the page."""
    return {
        "uid": "motet",
        "title": "Motet",
        "tags": ["motet"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
                _variable("job", "label_values(motet_ready, job)", several=False),
                _variable("instance", 'label_values(motet_ready{job="$job"}, instance)', several=True),
            ]
        },
        "panels": _laid_out(),
    }


def _variable(name: str, query: str, several: bool) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
    }


def _laid_out() -> list[dict[str, Any]]:
    """Row after row, from left to right."""
    laid: list[dict[str, Any]] = []
    y = 0
    for title, panels in ROWS.items():
        row = {"type": "row", "title": title, "collapsed": False, "panels": []}
        laid.append(_placed(row, len(laid), 0, y, WIDTH, 1))
        x, y = 0, y + 1
        for panel in panels:
            height = HEIGHT // 2 if panel.is_value else HEIGHT
            if x + panel.width > WIDTH:
                x, y = 0, y + height
            laid.append(_placed(_panel(panel), len(laid), x, y, panel.width, height))
            x += panel.width
        y += height
    return laid


def _placed(panel: dict[str, Any], before: int, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"id": before + 1, "gridPos": {"x": x, "y": y, "w": width, "h": height}, **panel}


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.bad is not None or panel.is_value:
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        if panel.bad is not None:
            steps.append({"color": "red", "value": panel.bad})
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if panel.bad is not None and not panel.is_value:
        defaults["custom"] = {"thresholdsStyle": {"mode": "dashed"}}
    return {
        "type": "stat" if panel.is_value else "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [_target(number, *target) for number, target in enumerate(panel.targets)],
    }


def _target(number: int, query: str, legend: str) -> dict[str, Any]:
    told: dict[str, Any] = {"refId": chr(ord("A") + number), "expr": query, "legendFormat": legend}
    return told | ({"exemplar": True} if "_bucket" in query else {})


def written(value: Any, indent: int = 0) -> str:
    """JSON in which whatever fits into a line is one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(line) + indent <= LINE:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, list):
        parts = [written(part, indent + 2) for part in value]
        opening, closing = "[", "]"
    else:
        parts = [f"{json.dumps(key)}: {written(part, indent + 2)}" for key, part in value.items()]
        opening, closing = "{", "}"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{closing}"


if __name__ == "__main__":
    FILE.write_text(written(dashboard()) + "\n", "utf-8")
