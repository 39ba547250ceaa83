"""Where grants come from, as the settings say: tokens, the application by HTTP or as a function, or tokens first."""

from __future__ import annotations

import time
from collections.abc import Sequence

from motet.access.asking import checked, http_client
from motet.access.callback import Callback, CallbackAccess
from motet.access.function import FunctionAccess, loaded
from motet.access.grant import Authenticator, Credentials, Grant
from motet.access.jwks import JwksKeys
from motet.access.keys import Key, check_accepted, keys_of_file, secret_key
from motet.access.roles import Roles
from motet.access.tokens import TokenAccess
from motet.config import Settings
from motet.errors import ConfigError, NotAuthenticated
from motet.ids import RoomName, UserId


class Sources:
    """The sources of grants in their order: the next is asked about whom the one before does not know."""

    def __init__(
        self, order: Sequence[Authenticator], jwks: JwksKeys | None = None, callback: CallbackAccess | None = None
    ) -> None:
        self.jwks = jwks
        """Its `failing_since` and `last_error` are for the operator."""
        self._order = tuple(order)
        self._callback = callback

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """Raises what the last that was asked raises: NotAuthenticated, Forbidden, Unavailable."""
        *others, last = self._order
        for source in others:
            try:
                return await source.grant(credentials, room)
            except NotAuthenticated:  # by its keys; the next may know better
                continue
        return await last.grant(credentials, room)

    def forget(self, user: UserId | None) -> None:
        """Grants of this user (None: of all) are not used again without asking: something was revoked."""
        if self._callback is not None:
            self._callback.forget(user)

    async def close(self) -> None:
        """Ends what is under way."""
        if self.jwks is not None:
            await self.jwks.close()
        if self._callback is not None:
            await self._callback.close()


def authenticator_of(settings: Settings, roles: Roles) -> Sources | None:
    """The sources that are configured; None when none is. Raises ConfigError with what to do."""
    if settings.auth_url is not None and settings.auth_callable is not None:
        raise ConfigError("auth_url and auth_callable both say who is to be asked: set one of them")
    order: list[Authenticator] = []
    tokens, jwks = _tokens(settings, roles)
    if tokens is not None:
        order.append(tokens)
    callback = None
    if settings.auth_url is not None:
        asked = Callback(
            checked("auth_url", settings.auth_url),
            settings.auth_headers,
            settings.auth_seconds,
            settings.auth_cache_seconds,
        )
        callback = CallbackAccess(asked, roles, http_client(), time.time, time.monotonic)
        order.append(callback)
    if settings.auth_callable is not None:
        order.append(FunctionAccess(loaded(settings.auth_callable), roles, time.time))
    return Sources(order, jwks, callback) if order else None


def _tokens(settings: Settings, roles: Roles) -> tuple[TokenAccess | None, JwksKeys | None]:
    accepted = frozenset(settings.jwt_algorithms)
    keys: list[Key] = []
    if (secret := secret_of(settings)) is not None:
        keys.append(secret_key(secret, accepted))
    if settings.public_key_file is not None:
        keys += keys_of_file(settings.public_key_file, accepted)
    check_accepted(accepted, keys, settings.jwks_url is not None)
    jwks = None
    if settings.jwks_url is not None:
        jwks = JwksKeys(checked("jwks_url", settings.jwks_url), accepted, http_client(), time.monotonic)
        if not jwks.algorithms:
            raise ConfigError("jwks_url is set, and jwt_algorithms accepts no algorithm of public keys")
    if not keys and jwks is None:
        return None, None
    return TokenAccess(keys, jwks, roles, time.time, settings.jwt_audience, settings.jwt_issuer), jwks


def secret_of(settings: Settings) -> bytes | None:
    """The shared secret of tokens, from the setting or its file (less one newline at the end). Raises ConfigError."""
    if settings.secret is not None and settings.secret_file is not None:
        raise ConfigError("secret and secret_file are both set: which one is meant?")
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode(errors="surrogateescape")  # as the environment had it
    if settings.secret_file is None:
        return None
    try:
        data = settings.secret_file.read_bytes()
    except OSError as e:
        raise ConfigError(f"secret_file {settings.secret_file} cannot be read: {e.strerror}") from None
    return data.removesuffix(b"\n")
