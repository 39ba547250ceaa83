"""Programs of Debian's that tests need, found or installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.node import missing


def program(name: str, package: str) -> str:
    """The path of a program: found, else its package is installed by apt-get when root; else the test is skipped
    (CI=true: failed)."""
    found = shutil.which(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        with (Path(tempfile.gettempdir()) / "motet-apt-get.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            found = shutil.which(name) or _install(name, package)
    if found is None:
        missing(f"{name} is not installed (Debian: apt-get install {package})")
    assert found is not None
    return found


def _install(name: str, package: str) -> str | None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", package]):
        subprocess.run(["apt-get", "-qq", *step], capture_output=True, check=False, env=env)
    return shutil.which(name)
