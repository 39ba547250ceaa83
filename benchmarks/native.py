"""Compile the load generator and the relay when a source is newer than the binary."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent / "native"
BUILD = Path(__file__).parent / "build"  # git-ignored: binaries, documents, data directories

SOURCES = {
    "load": ("load.c", "edits.c", "presence.c", "documents.c", "member.c", "socket.c", "yjs.c"),
    "relay": ("relay.c",),
}


def binary(name: str) -> Path:
    """The path of the compiled `load` or `relay`. Raises CalledProcessError when gcc fails."""
    target = BUILD / name
    sources = [HERE / source for source in SOURCES[name]]
    newest = max(path.stat().st_mtime for path in (*sources, *HERE.glob("*.h")))
    if not target.exists() or target.stat().st_mtime < newest:
        BUILD.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", target, *sources], check=True)
    return target
