"""Roles as sets of lanes: the built-in ones, an application's own, and tables that contradict themselves."""

from __future__ import annotations

import pytest

from motet.access import ADMINISTRATION, HISTORY, NOBODY, PRESENCE, READ, Roles, built_in
from motet.access.roles import COMMENTS, CONTENT
from motet.errors import ConfigError

LANES = {COMMENTS: ["comments", "threads"], "plan": ["plan"]}


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (NOBODY, set()),
        ("viewer", {READ, PRESENCE}),
        ("commenter", {READ, PRESENCE, COMMENTS}),
        ("editor", {READ, PRESENCE, HISTORY, CONTENT, COMMENTS}),
        ("admin", {READ, PRESENCE, HISTORY, ADMINISTRATION, CONTENT, COMMENTS}),
    ],
)
def test_the_built_in_roles(role: str, may: set[str]) -> None:
    """[T3] What each may do, whole."""
    assert built_in()[role].may == may
    assert built_in()[role].name == role


@pytest.mark.parametrize("name", ["", "Editor", "editor ", "root", "*", "read", "content"])
def test_a_role_that_nobody_defined_opens_no_door(name: str) -> None:
    """[T3] It is the role of nobody."""
    assert built_in()[name].may == frozenset()
    assert name not in built_in()
    assert built_in().unknown(["viewer", name]) == name
    assert built_in().unknown(built_in().names) is None


def test_lanes_of_an_application_belong_to_editors() -> None:
    """[T3] And to the roles that name them."""
    roles = Roles({"planner": ["plan", "presence"], "reader": []}, LANES)
    assert roles["planner"].may == {READ, PRESENCE, "plan"}
    assert roles["reader"].may == {READ}
    assert roles["editor"].may >= {"plan", CONTENT, COMMENTS}
    assert "plan" not in roles["commenter"].may
    assert [roles.lane(root) for root in ("plan", "threads", "text", "content")] == ["plan", COMMENTS, CONTENT, CONTENT]
    assert [name for name in roles.names if roles.writes_all(roles[name])] == ["editor", "admin"]


def test_without_the_lane_of_comments_there_are_none() -> None:
    """[T3] A commenter then only reads; everything is content."""
    roles = Roles({}, {})
    assert roles["commenter"].may == {READ, PRESENCE}
    assert roles.lane("comments") == CONTENT
    assert roles.lanes == {CONTENT}


@pytest.mark.parametrize(
    ("roles", "lanes"),
    [
        ({"editor": []}, LANES),
        ({NOBODY: ["read"]}, LANES),
        ({"x": ["plans"]}, LANES),
        ({}, {"a": ["t"], "b": ["t"]}),
        *[({}, {lane: ["t"]}) for lane in (READ, CONTENT, PRESENCE, HISTORY, ADMINISTRATION)],
    ],
)
def test_a_table_that_contradicts_itself_is_refused(roles: dict[str, list[str]], lanes: dict[str, list[str]]) -> None:
    """[T3] At the start."""
    with pytest.raises(ConfigError):
        Roles(roles, lanes)
