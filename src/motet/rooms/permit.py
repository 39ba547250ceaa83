"""What may be taken of a member who may not write every lane of a document. The rules are those of docs/PROTOCOL.md."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from motet.access import Role, Roles
from motet.crdt.replica import Touched
from motet.errors import Forbidden
from motet.rooms.member import Member

Holder = Callable[[int], str | None]
"""The user whose presence entry names this client id; None where there is none."""


class Verdict(Enum):
    """What is to be done with an update."""

    TAKE = auto()
    WITHIN = auto()
    """Takes what is in the member's lanes, and leaves out deletes that are not."""
    NOTHING = auto()
    """It adds nothing that the member may add: as good as taken."""
    UNKNOWN = auto()
    """It refers to what is not here, so where it would go cannot be told."""


class Permit:
    """Judges updates of restricted members."""

    def __init__(self, roles: Roles, holder: Holder) -> None:
        self._roles = roles
        self._holder = holder

    def may_write(self, member: Member) -> bool:
        """Whether the member may write anything at all."""
        return not self._roles.lanes.isdisjoint(member.role.may)

    def mine(self, member: Member) -> Callable[[str], bool]:
        """Whether a root is in a lane that the member may write, whenever it is asked."""
        return lambda root: self._roles.lane(root) in member.role.may

    def lost(self, before: Role, role: Role) -> bool:
        """Whether the role may not write what the one before could."""
        return bool((before.may - role.may) & self._roles.lanes)

    def judge(self, touched: Touched, member: Member, answer: bool) -> Verdict:
        """[X41] Raises Forbidden for a lane that is not the member's, and for ids of somebody else's client.

        An `answer` (sync step 2) holds every delete that its sender knows, and so the implicit ones, which travel no
        other way: of these, what is in others' lanes is left out, and is no violation. In an update all deletes count.
        """
        written = touched.written if answer else touched.roots
        lanes = {self._roles.lane(root) for root in written} - member.role.may
        if not lanes and touched.clients and not self.may_write(member):
            lanes = set(self._roles.lanes)  # ids without content: they would be in nobody's lane, but in the way
        if lanes:
            raise Forbidden(f"a {member.role.name} may not write the lane {', '.join(sorted(lanes))}")
        for client in touched.clients:
            holder = self._holder(client)
            if holder is not None and holder != member.grant.user:
                raise Forbidden(f"client id {client} is somebody else's")
        if touched.unresolved:
            if member.told:
                # What it goes on with are edits of its own that were refused, for a reason that it knows.
                raise Forbidden(min(member.told))
            return Verdict.UNKNOWN
        if all(self._roles.lane(root) in member.role.may for root in touched.roots):
            return Verdict.TAKE
        return Verdict.WITHIN if touched.clients else Verdict.NOTHING
