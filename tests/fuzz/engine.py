"""One run of libFuzzer on a target, to its end: `engine.py TARGET FLAG… CORPUS…`. Only Motet's own code guides it."""

from __future__ import annotations

import shlex
import sys
from importlib import import_module

import atheris  # type: ignore[import-untyped]

from targets import import_paths

if __name__ == "__main__":
    _, name, *arguments = sys.argv
    import_paths()
    with atheris.instrument_imports(include=["motet"]):
        target = import_module(f"fuzz_{name}")
    # To merge, libFuzzer has its shell run what it takes for its own program.
    program = shlex.join([sys.executable, __file__, name])
    atheris.Setup([program, *arguments], target.one)
    atheris.Fuzz()
