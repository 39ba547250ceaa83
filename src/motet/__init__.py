"""Motet: a real-time collaboration server for Yjs editors, in Python."""

__version__ = "0.1.0"

from motet.access.grant import Credentials, Grant

__all__ = ["Credentials", "Grant", "__version__"]
