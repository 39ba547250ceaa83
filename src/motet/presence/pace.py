"""How often a room's presence leaves."""

from __future__ import annotations

FLOOR = 0.5
"""Seconds between presence frames in the largest rooms: presence slows down, it never stops."""


def interval(members: int) -> float:
    """Seconds between presence frames for a room of this many members.

    30 Hz up to 10 members, 15 Hz to 30, 5 Hz to 100. A frame goes to everyone and may hold everyone, so beyond that the
    rate falls as the room grows, which leaves each member the bytes per second that it has at 100, down to the floor.
    """
    if members <= 10:
        return 1 / 30
    if members <= 30:
        return 1 / 15
    return min(max(0.2, members * 0.002), FLOOR)
