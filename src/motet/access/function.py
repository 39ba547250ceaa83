"""Grants from a function of the application's, in this process."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from math import inf
from typing import cast

from motet.access.grant import Credentials, Grant
from motet.access.roles import Roles
from motet.errors import ConfigError, MotetError, NotAuthenticated, Unavailable
from motet.ids import RoomName

GrantFunction = Callable[[Credentials, RoomName], Grant | Awaitable[Grant | None] | None]
"""Says who shows these credentials, None for nobody known. It may be a coroutine function; another is run in a thread,
since it may wait for a database. It may raise NotAuthenticated, Forbidden or Unavailable itself."""


class FunctionAccess:
    """Grants that a function returns. `now` gives seconds since the epoch."""

    def __init__(self, function: GrantFunction, roles: Roles, now: Callable[[], float]) -> None:
        self._function = function
        self._roles = roles
        self._now = now

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """What the function returns. Raises what it raises of ours; for all else Unavailable, with the cause."""
        asked = self._now()
        try:
            grant = await self._called(credentials, room)
        except MotetError:
            raise
        except Exception as e:  # the edge: application code
            raise Unavailable("who you are cannot be found out now") from e
        if grant is None:
            raise NotAuthenticated("the application does not know these credentials")
        if problem := self._problem(grant):
            raise Unavailable("who you are cannot be found out now") from TypeError(problem)
        # Else no revocation would ever end it.
        return grant if grant.issued < inf else replace(grant, issued=asked)

    async def _called(self, credentials: Credentials, room: RoomName) -> Grant | None:
        if inspect.iscoroutinefunction(self._function):
            found = await self._function(credentials, room)
        else:
            found = await asyncio.to_thread(self._in_thread, credentials, room)
            if inspect.isawaitable(found):
                found = await found
        return cast("Grant | None", found)

    def _in_thread(self, credentials: Credentials, room: RoomName) -> Grant | Awaitable[Grant | None] | None:
        try:
            return self._function(credentials, room)
        except StopIteration as e:  # no future carries one: who waits for it would wait for ever
            raise RuntimeError("the function raised StopIteration") from e

    def _problem(self, grant: object) -> str:
        if not isinstance(grant, Grant):
            return f"the function returned a {type(grant).__name__}, and neither a Grant nor None"
        if not grant.user:
            return "the function returned a grant without a user"
        named = [*grant.rooms.values()] + ([] if grant.role is None else [grant.role])
        if (unknown := self._roles.unknown(named)) is not None:
            return f"the function returned the role {unknown!r}, and there is no such role"
        return ""


def loaded(name: str) -> GrantFunction:
    """The function that `module:function` names. Raises ConfigError with what to do."""
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ConfigError(f"auth_callable is {name!r}, and must be module:function")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as e:
        raise ConfigError(
            f"auth_callable {name!r} cannot be imported: {e}. It must be installed, or lie on PYTHONPATH"
        ) from e
    except Exception as e:  # the edge: application code
        raise ConfigError(f"auth_callable {name!r} cannot be imported: {type(e).__name__}: {e}") from e
    function: object = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigError(f"auth_callable {name!r}: the module has no function {function_name!r}")
    return cast(GrantFunction, function)
