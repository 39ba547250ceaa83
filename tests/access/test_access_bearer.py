"""Where tokens travel."""

from __future__ import annotations

import pytest

from motet.access import token_of


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc ", "abc"),
        ("Bearer abc, Bearer def", "abc, Bearer def"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearerabc", ""),
        ("Basic abc", ""),
        ("", ""),
    ],
)
def test_a_token_travels_in_the_authorization_header(header: str, token: str) -> None:
    """[X28] The scheme in upper or lower case; two headers are no token of either."""
    assert token_of({"authorization": header}, {}, (), None) == token


def test_a_token_travels_as_a_subprotocol() -> None:
    """[X28] The first that has one."""
    assert token_of({}, {}, ("motet.v1", "bearer.abc.def", "bearer.other"), None) == "abc.def"
    assert token_of({}, {}, ("bearer.", "Bearer.abc", "xbearer.abc"), None) == ""


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("session=abc", "abc"),
        ("a=1; session=abc;b=2", "abc"),
        ('session="abc"', "abc"),
        ("session=first; session=second", "first"),
        ("session=a=b", "a=b"),
        ("xsession=abc; session2=abc; Session=abc", ""),
        ("session", ""),
        ("", ""),
    ],
)
def test_a_token_travels_in_the_named_cookie(header: str, token: str) -> None:
    """[X29] By its exact name, and only when the caller says that this page's cookies count."""
    assert token_of({"cookie": header}, {}, (), "session") == token
    assert token_of({"cookie": header}, {}, (), None) == ""


def test_of_several_tokens_the_first_in_the_order_counts() -> None:
    """[X28] What was set on purpose for this request before what a browser adds; no second one is tried."""
    headers = {"authorization": "Bearer header", "cookie": "session=cookie"}
    ways = (headers, {"token": "query"}, ("bearer.subprotocol",))
    assert token_of(*ways, "session") == "header"
    assert token_of({**headers, "authorization": "Basic x"}, *ways[1:], "session") == "subprotocol"
    assert token_of({"cookie": "session=cookie"}, {"token": "query"}, (), "session") == "query"
    assert token_of({"cookie": "session=cookie"}, {"token": ""}, ("bearer.",), "session") == "cookie"
    assert token_of({}, {}, (), "session") == ""
