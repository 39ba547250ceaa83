"""What leaves a room: whole frames, written to its seats, and counted.

A broadcast is encoded once per group, and the same bytes object is written to every seat of the group (`seat`).
"""

from __future__ import annotations

from collections.abc import Collection

from motet.observability import Counts
from motet.rooms.catchup import SHARED
from motet.rooms.effects import Out
from motet.rooms.member import Member
from motet.rooms.seat import Group, Seat
from motet.sync import frame_head


def broadcast(groups: Collection[Group], out: Out, data: bytes, but: Member | None, counts: Counts) -> None:
    """To every seat whose member is not behind, but one."""
    for group in groups:
        encoded = group.encode(out, data)
        if encoded:
            sent = 0
            for seat in group.seats:
                member = seat.member
                if member is not but and not member.behind_since:
                    seat.wire.write(encoded)
                    sent += 1
            counts.frames_out += sent
            counts.bytes_out += sent * len(encoded)
            if out is Out.AWARENESS:
                counts.presence_frames += sent
                counts.presence_dropped += len(group.seats) - sent


def send(seat: Seat, out: Out, data: bytes, counts: Counts) -> None:
    """To one seat; nothing, where its dialect cannot say it."""
    group = seat.group
    if out is Out.SYNC_STEP_2 and len(data) >= SHARED:
        # In two writes: what all who join get is one object, and nobody's frame is a copy of it.
        head = group.dialect.sync_step2_head(group.document, len(data))
        seat.wire.write(frame_head(len(head) + len(data)) + head)
        encoded = data
    elif out is Out.SAVED:
        encoded = group.saved
    else:
        encoded = group.encode(out, data)
    if encoded:
        seat.wire.write(encoded)
        counts.frames_out += 1
        counts.bytes_out += len(encoded)
