"""Where a request carries its token. Nothing is decided here: what was found is what the authenticator is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_SCHEME = "bearer"
_SUBPROTOCOL = "bearer."
_PARAMETER = "token"


def token_of(
    headers: Mapping[str, str], query: Mapping[str, str], subprotocols: Sequence[str], cookie: str | None
) -> str:
    """The token, or "" when there is none: of `Authorization: Bearer` (RFC 6750), else of a subprotocol
    `bearer.<token>`, else of the parameter `token`, else of the cookie of this name.

    `headers` are by lower-case name. `cookie` is None unless the page that asks is listed (`Origins.listed`): browsers
    add cookies to whatever any page asks for.
    """
    return (
        _authorization(headers.get("authorization", ""))
        or next((name[len(_SUBPROTOCOL) :] for name in subprotocols if name.startswith(_SUBPROTOCOL)), "")
        or query.get(_PARAMETER, "")
        or ("" if cookie is None else _cookie(headers.get("cookie", ""), cookie))
    )


def _authorization(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def _cookie(header: str, wanted: str) -> str:
    """The first of that name: browsers send the one with the longest path first (RFC 6265, section 5.4)."""
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == wanted:
            return value.strip().removeprefix('"').removesuffix('"')
    return ""
