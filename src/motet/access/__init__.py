"""ACCESS CONTROL: who someone is and what they may do in a room.

A `Grant` says who, and which role in which rooms; it comes from an `Authenticator` (a token, a callback, a function, or
open mode). `Access` decides from the grant, the `Rulings` over it and the time. A `Role` is a set of lanes; the check
itself is one line in `rooms/room.py`, just before an update is taken.

Pure, and so is whoever imports it, but for two modules that are imported by themselves: `access.sources` (it asks
others) and `access.rates` (it reads the settings). Imports only errors, ids and config.
Public names: those of `__all__`.
"""

from motet.access.access import Access
from motet.access.bearer import token_of
from motet.access.grant import EVERYWHERE, Authenticator, Credentials, Grant, OpenAccess
from motet.access.origins import Cors, Origins
from motet.access.proxies import Proxies
from motet.access.roles import ADMINISTRATION, HISTORY, NOBODY, PRESENCE, READ, Role, Roles, built_in
from motet.access.rulings import KIND, Record, Rulings

__all__ = [
    "ADMINISTRATION",
    "EVERYWHERE",
    "HISTORY",
    "KIND",
    "NOBODY",
    "PRESENCE",
    "READ",
    "Access",
    "Authenticator",
    "Cors",
    "Credentials",
    "Grant",
    "OpenAccess",
    "Origins",
    "Proxies",
    "Record",
    "Role",
    "Roles",
    "Rulings",
    "built_in",
    "token_of",
]
