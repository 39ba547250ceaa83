"""PRESENCE SYSTEM: who is here, with which cursor, and how often the others hear of it.

A room has one `Roster`. It judges every awareness update that a member sends (whose entry is it, is it news), stamps
the member's identity into it, collects what changed, and gives one frame per presence tick for all. Nothing here is
written to the document or the log.

Pure: time is an argument, in seconds of any clock that does not go back. May import motet.errors and motet.varint.
Source: y-protocols 1.0.7 (awareness.js), whose rules for accepting an entry every client follows.

Public names: `Roster`, `Identity`, `Applied`, `Provocation`, `Entry`, `Shown`, `decode`, `encode`, `EMPTY`, `interval`.
"""

from motet.presence.awareness import EMPTY, Entry, decode, encode
from motet.presence.held import Shown
from motet.presence.identity import Identity
from motet.presence.pace import interval
from motet.presence.provoked import Provocation
from motet.presence.roster import Applied, Roster

__all__ = ["EMPTY", "Applied", "Entry", "Identity", "Provocation", "Roster", "Shown", "decode", "encode", "interval"]
