"""ACCESS CONTROL: who someone is and what they may do in a room.

Imports only errors, ids and config. Public names: `Role`, `Grant`, `Credentials`, `Authenticator`, `OpenAccess`.
Tokens, callbacks and lanes join here; the check itself is one line in `rooms/room.py`, just before an update is taken.
"""

from motet.access.grant import Authenticator, Credentials, Grant, OpenAccess, Role

__all__ = ["Authenticator", "Credentials", "Grant", "OpenAccess", "Role"]
