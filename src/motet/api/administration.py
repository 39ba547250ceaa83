"""`/api/v1`: what administrators see and do: members, roles, revocations, the end of a room."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, model_validator

from motet.access import Credentials, Origins, Roles, token_of
from motet.api.bodies import json_only
from motet.api.paths import InPath, Name
from motet.api.problems import described
from motet.errors import MotetError
from motet.ids import RoomName, UserId
from motet.observability import AccessRefused
from motet.rooms import Administration, Administrator, Hub, Inspection, MemberInfo

BEARER = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="A token with an admin's role: in the room, or in all (`**`)."
)
"""For the description; `Gate` decides."""
BODY = described(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
ANY = described(
    HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


class Revocation(BaseModel):
    """What is revoked: all that one user was granted, one token, or all that was granted for one room."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user": "ada"}, {"jti": "k3Jx0"}, {"room": "notes/a"}]}
    )

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

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "viewer"}]})

    role: Name


class Members(BaseModel):
    """Who is in a room."""

    members: list[MemberInfo]


class Gate:
    """Lets administrators through."""

    def __init__(self, hub: Hub, origins: Origins) -> None:
        self._hub = hub
        self._origins = origins

    async def of_all(self, request: Request) -> Administrator:
        """Who asks, if that is an administrator of the whole server. Raises as `of_room` does."""
        return await self.admit(request, None)

    async def of_room(self, request: Request, room: InPath) -> Administrator:
        """Who asks, if that is an administrator of the room in the path. Raises NotAuthenticated, Forbidden,
        Unavailable."""
        return await self.admit(request, room)

    async def admit(self, request: Request, room: str | None) -> Administrator:
        """Who asks, if that is an administrator of the room, or (None) of all. Raises as `of_room` does.

        The room is not looked up: what is refused is refused alike, whether there is such a room or not.
        """
        headers = dict(request.headers)
        address = request.client.host if request.client is not None else "unix"
        cookie = self._hub.settings.auth_cookie if self._origins.listed(headers.get("origin")) else None
        credentials = Credentials(token_of(headers, request.query_params, (), cookie), address, headers)
        access, asked, user = self._hub.access, None if room is None else RoomName(room), ""
        try:
            grant = await access.identify(credentials, asked)
            user = grant.user
            access.check_administrator(grant, asked)
        except MotetError as e:
            self._hub.observe(AccessRefused.by(e, user=user, room=room or "", dialect="http", address=address))
            raise
        return Administrator(grant, address)


def administration(hub: Hub, acts: Administration, looks: Inspection, gate: Gate) -> APIRouter:
    """The routes. Each takes an admin's grant: of the room, or (for users and tokens) of all rooms."""
    router = APIRouter(prefix="/api/v1", tags=["administration"], dependencies=[Depends(BEARER)], responses=ANY)
    _add_revocations(router, gate, acts)
    _add_roles(router, gate, acts, hub.access.roles)
    _add_rooms(router, gate, acts, looks)  # the last: its path is any
    return router


def _add_revocations(router: APIRouter, gate: Gate, acts: Administration) -> None:
    @router.post("/revocations", status_code=204, dependencies=[Depends(json_only)], responses=BODY)
    async def revoke(request: Request, revocation: Revocation) -> None:
        """Ends at once what was granted up to now, on open sockets too, and keeps it ended.

        503: it is done, but could not be stored, and ends with the process; ask again.
        """
        by = await gate.admit(request, revocation.room)
        if revocation.user is not None:
            await acts.revoke_user(UserId(revocation.user), by)
        elif revocation.jti is not None:
            await acts.revoke_token(revocation.jti, by)
        elif revocation.room is not None:
            await acts.revoke_room(RoomName(revocation.room), by)


def _add_roles(router: APIRouter, gate: Gate, acts: Administration, known: Roles) -> None:
    path, admin = "/rooms/{room:path}/roles/{user}", Depends(gate.of_room)

    @router.put(path, status_code=204, dependencies=[Depends(json_only)], responses=BODY)
    async def set_role(room: InPath, user: InPath, override: RoleOverride, by: Administrator = admin) -> None:
        """Gives a user this role in the room, on open sockets too. A slash in the user's id is written `%2F`.

        503: it is done, but could not be stored, and ends with the process; ask again.
        """
        if override.role not in known:
            names = ", ".join(known.names)
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"no such role: there are {names}")
        await acts.set_role(RoomName(room), UserId(user), override.role, by)

    @router.delete(path, status_code=204)
    async def unset_role(room: InPath, user: InPath, by: Administrator = admin) -> None:
        """What the user's tokens say holds again. 503: see above."""
        await acts.set_role(RoomName(room), UserId(user), None, by)


def _add_rooms(router: APIRouter, gate: Gate, acts: Administration, looks: Inspection) -> None:
    path, admin = "/rooms/{room:path}", Depends(gate.of_room)

    @router.get(f"{path}/members", dependencies=[admin])
    async def members(room: InPath) -> Members:
        """Who is in the room now."""
        return Members(members=looks.members(RoomName(room)))

    @router.delete(path, status_code=204, responses=described(HTTPStatus.NOT_FOUND))
    async def delete(room: InPath, by: Administrator = admin) -> None:
        """Deletes the room for good: its members are told (4404), and its name is not used again."""
        if not await acts.delete(RoomName(room), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such room")

    @router.put(path, status_code=201, responses=described(HTTPStatus.NOT_FOUND))
    async def recreate(room: InPath, recreate: Annotated[str, Query()], by: Administrator = admin) -> None:
        """With `?recreate`: lets the name of a deleted room be used again, for a new and empty one."""
        if not await acts.recreate(RoomName(room), by):
            raise HTTPException(HTTPStatus.NOT_FOUND, "that room was not deleted")
