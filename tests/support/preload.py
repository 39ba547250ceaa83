"""Libraries that come before the system's (LD_PRELOAD), built from a C file beside the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.debian import program
from support.node import missing


def build(source: Path, directory: Path) -> Path:
    """The library, in this directory. Where gcc is missing the test is, too."""
    library = directory / source.with_suffix(".so").name
    command = [program("gcc", "build-essential"), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        missing(f"gcc cannot build a library here: {built.stderr.strip()}")
    return library
