"""ACCESS CONTROL: who someone is and what they may do in a room.

A `Grant` says who, and which role in which rooms; it comes from an `Authenticator` (a token, a callback, a function, or
open mode). `Access` decides from the grant, the `Rulings` over it and the time. A `Role` is a set of lanes; the check
itself is one line in `rooms/room.py`, just before an update is taken.

Pure but for the authenticators that must ask somebody. Imports only errors, ids and config.
Public names: those of `__all__`; and `access.sources`, imported by itself: it asks others, and what imports `access`
may be pure.
"""

from motet.access.access import Access, Admission
from motet.access.bearer import token_of
from motet.access.grant import EVERYWHERE, Authenticator, Credentials, Grant, OpenAccess
from motet.access.origins import Cors, Origins
from motet.access.proxies import Proxies
from motet.access.rates import JOIN_SECONDS, Meter, Rates
from motet.access.roles import ADMINISTRATION, HISTORY, NOBODY, PRESENCE, READ, Role, Roles, built_in
from motet.access.rulings import KIND, Record, Rulings

__all__ = [
    "ADMINISTRATION",
    "EVERYWHERE",
    "HISTORY",
    "JOIN_SECONDS",
    "KIND",
    "NOBODY",
    "PRESENCE",
    "READ",
    "Access",
    "Admission",
    "Authenticator",
    "Cors",
    "Credentials",
    "Grant",
    "Meter",
    "OpenAccess",
    "Origins",
    "Proxies",
    "Rates",
    "Record",
    "Role",
    "Roles",
    "Rulings",
    "built_in",
    "token_of",
]
