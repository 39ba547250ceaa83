"""The command line: `motet serve`, and what an operator does to a data directory. One file per command family.

May import everything below. Public names: `main`.
"""

from motet.cli.main import main

__all__ = ["main"]
