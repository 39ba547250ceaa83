"""The table of settings in docs/OPERATIONS.md, made from `motet.config.Settings`. Run as a script, it writes it."""

from __future__ import annotations

import re
from pathlib import Path

from motet.config import KIB, MIB, Settings

OPERATIONS = Path(__file__).parents[2] / "docs" / "OPERATIONS.md"
BETWEEN = re.compile(r"(<!-- settings: begin [^>]*-->\n).*?(<!-- settings: end -->)", re.DOTALL)


def table() -> str:
    """One row for each setting: name, default, description."""
    rows = ["| setting | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        rows.append(f"| `{name}` | {_default(name, default)} | {field.description} |")
    return "\n".join(rows) + "\n"


def _default(name: str, value: object) -> str:
    if value in (None, "", {}):
        return "none"
    shown = f"`{str(value).lower() if isinstance(value, bool) else value}`"
    if isinstance(value, int) and name.endswith("_bytes"):
        return f"{shown} ({value // MIB} MiB)" if value >= MIB else f"{shown} ({value // KIB} KiB)"
    return shown


def with_table(text: str) -> str:
    """The document with the table between its two markers."""
    written, found = BETWEEN.subn(lambda markers: markers[1] + table() + markers[2], text)
    assert found == 1, f"{found} places for the table"
    return written


if __name__ == "__main__":
    OPERATIONS.write_text(with_table(OPERATIONS.read_text("utf-8")), "utf-8")
