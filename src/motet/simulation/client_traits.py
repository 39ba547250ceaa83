"""What tells the versions of the clients apart, where a server can see it.

Sources: y-websocket 1.5.4, 2.1.0, 3.1.0; @hocuspocus/provider 2.15.3, 3.4.4, 4.8.0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class YjsTraits:
    """Of a y-websocket."""

    name: str
    waits_for_close: bool
    """After it has given up a silent socket it waits until that is closed; others forget it and dial anew."""
    backs_off_after_close: bool
    """An accepted connection that ended before it was synced counts as a failure; else refused ones alone."""
    obeys_codes: bool
    """It stops at 4400-4499."""


Y_WEBSOCKET_1_5: Final = YjsTraits("y-websocket 1.5", True, False, False)
Y_WEBSOCKET_2_1: Final = YjsTraits("y-websocket 2.1", False, False, False)
Y_WEBSOCKET_3_1: Final = YjsTraits("y-websocket 3.1", False, True, True)
Y_WEBSOCKETS: Final = (Y_WEBSOCKET_1_5, Y_WEBSOCKET_2_1, Y_WEBSOCKET_3_1)


class Kind(IntEnum):
    """The types of messages that these models read or write themselves."""

    SYNC = 0
    AWARENESS = 1
    AUTH = 2
    QUERY_AWARENESS = 3
    STATELESS = 5
    CLOSE = 7
    SYNC_STATUS = 8
    PING = 9


class Retries(Enum):
    """How long a chain of attempts keeps a closed socket from another way of coming back."""

    ALWAYS = "2.15: the chain, or at once when it has ended"
    UNTIL_OPEN = "3.4: so a socket that is closed before its first message comes back twice"
    UNTIL_MESSAGE = "4.8"


@dataclass(frozen=True, slots=True)
class HocuspocusTraits:
    """Of a Hocuspocus provider."""

    name: str
    version: str
    """What it announces in Auth; "" if nothing."""
    kinds: frozenset[Kind]
    """What it can read; on the rest it throws or complains."""
    retries: Retries
    has_one_reconnect: bool
    """A reconnect that waits is replaced by the next."""
    connected_when_open: bool
    """2.15 calls itself connected at the first message only."""
    authenticates_without_token: bool
    knows_token_request: bool
    knows_ping: bool
    detaches_wholly: bool
    """2.15 leaves when it is denied, but still greets every new connection, deaf to the answer."""
    counts_below_zero: bool
    passes_presence_on: bool
    """What the server changed in its awareness it sends back."""
    waits_with_newest: bool
    """Of the presence that could not be sent only the newest waits."""
    sessions: bool
    """Its address is `name\\0session`: an option, since 4.0."""


_OLD: Final = frozenset({Kind.SYNC, Kind.AWARENESS, Kind.AUTH, Kind.QUERY_AWARENESS, Kind.STATELESS, Kind.SYNC_STATUS})

HOCUSPOCUS_2_15: Final = HocuspocusTraits(
    name="Hocuspocus provider 2.15",
    version="",
    kinds=_OLD,
    retries=Retries.ALWAYS,
    has_one_reconnect=False,
    connected_when_open=False,
    authenticates_without_token=False,
    knows_token_request=False,
    knows_ping=False,
    detaches_wholly=False,
    counts_below_zero=True,
    passes_presence_on=True,
    waits_with_newest=False,
    sessions=False,
)
HOCUSPOCUS_3_4: Final = HocuspocusTraits(
    name="Hocuspocus provider 3.4",
    version="",
    kinds=_OLD | {Kind.CLOSE},
    retries=Retries.UNTIL_OPEN,
    has_one_reconnect=False,
    connected_when_open=True,
    authenticates_without_token=True,
    knows_token_request=True,
    knows_ping=False,
    detaches_wholly=True,
    counts_below_zero=False,
    passes_presence_on=True,
    waits_with_newest=False,
    sessions=False,
)
HOCUSPOCUS_4_8: Final = HocuspocusTraits(
    name="Hocuspocus provider 4.8",
    version="4.8.0",
    kinds=_OLD | {Kind.CLOSE},
    retries=Retries.UNTIL_MESSAGE,
    has_one_reconnect=True,
    connected_when_open=True,
    authenticates_without_token=True,
    knows_token_request=True,
    knows_ping=True,
    detaches_wholly=True,
    counts_below_zero=False,
    passes_presence_on=False,
    waits_with_newest=True,
    sessions=False,
)
HOCUSPOCUS_4_8_SESSIONS: Final = replace(HOCUSPOCUS_4_8, name="Hocuspocus provider 4.8 with sessions", sessions=True)
HOCUSPOCUSES: Final = (HOCUSPOCUS_2_15, HOCUSPOCUS_3_4, HOCUSPOCUS_4_8, HOCUSPOCUS_4_8_SESSIONS)
