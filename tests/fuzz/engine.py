"""One run of libFuzzer on a target, to its end: `engine.py TARGET FLAG… CORPUS…`. Only Motet's own code guides it."""

from __future__ import annotations

import sys
from importlib import import_module

import atheris

from targets import import_paths

if __name__ == "__main__":
    name = sys.argv.pop(1)
    import_paths()
    with atheris.instrument_imports(include=["motet"]):
        target = import_module(f"fuzz_{name}")
    atheris.Setup(sys.argv, target.one)
    atheris.Fuzz()
