"""Motet: a real-time collaboration server for Yjs editors, in Python."""

__version__ = "0.1.0"
