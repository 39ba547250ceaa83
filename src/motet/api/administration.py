"""`/api/v1`: what administrators see and do: members, roles, revocations, the end of a room."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from motet.access import Credentials, Roles, token_of
from motet.api.paths import InPath, RoomInPath
from motet.errors import MotetError
from motet.ids import RoomName, UserId
from motet.observability import AccessRefused
from motet.rooms import Administration, Administrator, Hub, MemberInfo

Name = Annotated[str, Field(min_length=1, max_length=256)]


class Revocation(BaseModel):
    """What is revoked: all that one user was granted, one token, or all that was granted for one room."""

    model_config = ConfigDict(extra="forbid")

    user: Name | None = None
    jti: Name | None = None
    room: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> Revocation:
        if sum(part is not None for part in (self.user, self.jti, self.room)) != 1:
            raise ValueError("exactly one of user, jti and room")
        return self


class RoleOverride(BaseModel):
    """A role in one room, whatever tokens say; `none` keeps the user out."""

    model_config = ConfigDict(extra="forbid")

    role: Name


class Members(BaseModel):
    """Who is in a room."""

    members: list[MemberInfo]


class Gate:
    """Lets administrators through."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def admit(self, request: Request, room: str | None) -> Administrator:
        """Who asks, if that is an administrator of the room, or (None) of all. Raises NotAuthenticated, Forbidden."""
        headers = dict(request.headers)
        address = request.client.host if request.client is not None else "unix"
        credentials = Credentials(token_of(headers, request.query_params, (), None), address, headers)
        access, asked, user = self._hub.access, None if room is None else RoomName(room), ""
        try:
            grant = await access.identify(credentials, asked)
            user = grant.user
            access.check_administrator(grant, asked)
        except MotetError as e:
            self._hub.observe(AccessRefused(user, room or "", str(e), e.code, "http", address))
            raise
        return Administrator(grant, address)


def administration(hub: Hub, acts: Administration) -> APIRouter:
    """The routes. Each takes an admin's grant: of the room, or (for users and tokens) of all rooms."""
    router = APIRouter(prefix="/api/v1", tags=["administration"])
    gate = Gate(hub)
    _add_revocations(router, gate, acts)
    _add_roles(router, gate, acts, hub.access.roles)
    _add_rooms(router, gate, acts)  # the last: its path is any
    return router


def _add_revocations(router: APIRouter, gate: Gate, acts: Administration) -> None:
    @router.post("/revocations", status_code=204)
    async def revoke(request: Request, revocation: Revocation) -> None:
        """Ends at once what was granted up to now, on open sockets too, and keeps it ended."""
        by = await gate.admit(request, revocation.room)
        if revocation.user is not None:
            await acts.revoke_user(UserId(revocation.user), by)
        elif revocation.jti is not None:
            await acts.revoke_token(revocation.jti, by)
        elif revocation.room is not None:
            await acts.revoke_room(RoomName(revocation.room), by)


def _add_roles(router: APIRouter, gate: Gate, acts: Administration, known: Roles) -> None:
    @router.put("/rooms/{room:path}/roles/{user}", status_code=204)
    async def set_role(request: Request, room: RoomInPath, user: InPath, override: RoleOverride) -> None:
        """Gives a user this role in the room, on open sockets too."""
        by = await gate.admit(request, room)
        if override.role not in known:
            names = ", ".join(known.names)
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"no such role: there are {names}")
        await acts.set_role(RoomName(room), UserId(user), override.role, by)

    @router.delete("/rooms/{room:path}/roles/{user}", status_code=204)
    async def unset_role(request: Request, room: RoomInPath, user: InPath) -> None:
        """What the user's tokens say holds again."""
        by = await gate.admit(request, room)
        await acts.set_role(RoomName(room), UserId(user), None, by)


def _add_rooms(router: APIRouter, gate: Gate, acts: Administration) -> None:
    @router.get("/rooms/{room:path}/members")
    async def members(request: Request, room: RoomInPath) -> Members:
        """Who is in the room now."""
        await gate.admit(request, room)
        return Members(members=acts.members(RoomName(room)))

    @router.delete("/rooms/{room:path}", status_code=204)
    async def delete(request: Request, room: RoomInPath) -> None:
        """Deletes the room for good: its members are told (4404), and its name is not used again."""
        by = await gate.admit(request, room)
        if not await acts.delete(RoomName(room), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such room")

    @router.put("/rooms/{room:path}", responses={404: {"description": "it was not deleted"}})
    async def recreate(request: Request, room: RoomInPath, recreate: Annotated[str, Query()]) -> Response:
        """With `?recreate`: lets the name of a deleted room be used again, for a new and empty one."""
        by = await gate.admit(request, room)
        if not await acts.recreate(RoomName(room), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "that room was not deleted")
        return Response(status_code=HTTPStatus.CREATED)
