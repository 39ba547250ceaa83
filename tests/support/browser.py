"""Debian's chromium, found or installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.node import missing


def chromium() -> str:
    """The path of chromium: found, else installed by apt-get when root; else the test is skipped (CI=true: failed)."""
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        with (Path(tempfile.gettempdir()) / "motet-apt-get.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            found = shutil.which("chromium") or _install()
    if found is None:
        missing("chromium is not installed (Debian: apt-get install chromium)")
    assert found is not None
    return found


def _install() -> str | None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "-qq", *step], capture_output=True, check=False, env=env)
    return shutil.which("chromium")
