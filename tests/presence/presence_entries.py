"""Words for the tests of the roster: who is who, what they say, and what is shown of it."""

from motet.presence import Applied, Entry, Identity, Roster, decode, encode

CHANGED, NOTHING = Applied(True, None), Applied(False, None)
ANYONE = Identity("", "", "")
ANN, BOB, EVE = (Identity(name, name.title(), "") for name in ("ann", "bob", "eve"))
VIOLET = Identity("u/7", 'Zoë "Z"', "#8a2be2")


def said(client: int, clock: int, state: str = "{}") -> bytes:
    return encode([Entry(client, clock, state)])


def stamped(client: int, clock: int, who: Identity) -> bytes:
    """What `said` becomes of a member with this identity."""
    return said(client, clock, mark(who) if who.user else "{}")


def mark(who: Identity, also: str = "") -> str:
    return f'{{{also}"user":{{"id":"{who.user}","name":"{who.name}"}}}}'


def gone(client: int, clock: int) -> bytes:
    return said(client, clock, "null")


def shown(roster: Roster) -> dict[int, tuple[int, str]]:
    return {e.client: (e.clock, e.state) for e in decode(roster.full() or b"\0") if e.state != "null"}
