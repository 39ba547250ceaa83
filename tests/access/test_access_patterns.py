"""Patterns of room names: what fits, which fits best, and tricks with names."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.access import Grant
from motet.access.patterns import ANY, ONE, Pattern, _matches, closest, parsed
from motet.ids import MAX_ROOM_NAME, UserId

SEGMENT = st.sampled_from(["", "a", "b", "aa", ".", "..", "*a", "\n", "é"])
ROOM = st.lists(SEGMENT | st.sampled_from([ONE, ANY]), min_size=1, max_size=9).map("/".join)
PATTERN = (
    st.lists(st.sampled_from(["", "a", "b", "aa", ".", "\n", ONE, ONE, ANY, ANY]), min_size=1, max_size=7)
    .map("/".join)
    .filter(bool)
)


def expression(pattern: str) -> re.Pattern[str]:
    """The slow way: a regular expression over the name with a slash behind each segment."""
    parts = {ONE: "(?:[^/]+/)", ANY: "(?:[^/]*/)*"}
    return re.compile("".join(parts.get(segment, re.escape(segment) + "/") for segment in pattern.split("/")))


@settings(max_examples=2000, deadline=None)
@given(PATTERN, ROOM)
def test_patterns_match_as_their_regular_expressions_do(pattern: str, room: str) -> None:
    """[T1] One segment for *, any number for **."""
    assert Pattern(pattern).matches(room) == bool(expression(pattern).fullmatch(room + "/"))


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("notes/a", ["notes/a"], ["notes", "notes/", "notes/a/", "notes/b", "/notes/a", "Notes/a"]),
        ("notes/*", ["notes/a", "notes/*", "notes/.."], ["notes", "notes/", "notes/a/b", "notes//a", "note/a"]),
        ("notes/**", ["notes", "notes/", "notes/a", "notes/a/b"], ["notesa", "note/s", "x/notes/a"]),
        ("**", ["a", "a/b", "", "/"], []),
        ("*", ["a"], ["a/b", "", "/"]),
        ("**/secret", ["secret", "a/secret", "a/b/secret"], ["secret/a", "a/secrets"]),
        ("*/x/**", ["a/x", "a/x/b/c"], ["x", "a/b/x", "/x"]),
    ],
)
def test_what_a_pattern_fits(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    """[T1] By examples."""
    assert [room for room in fits + fits_not if Pattern(pattern).matches(room)] == fits


@pytest.mark.parametrize("text", ["", "a*", "*a", "a/***", "**a/b", "a/*b*/c", "a" * (MAX_ROOM_NAME + 1)])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """[T1] A wildcard within a segment would not mean what it seems to; nor does a grant hold one."""
    with pytest.raises(ValueError, match="no pattern of rooms") as refused:
        Grant(UserId("ada"), rooms={text: "editor"})
    assert len(str(refused.value)) < 200


def test_the_closest_pattern_decides() -> None:
    """[T1] Each line wins over those below it."""
    order = ["a/b/c", "a/b/*", "a/b/**", "a/*/c", "a/*/*", "a/*/**", "a/**", "*/b/c", "**/b/c", "*/b/**", "**/c"]
    order += ["*/*/*", "*/*/**", "*/**", "**"]
    for at, pattern in enumerate(order):
        assert closest(reversed(order[at:]), "a/b/c") == pattern
    assert closest(["x", "a/b"], "a/b/c") is None
    assert closest([], "a") is None
    assert closest(["**/a/**", "**/a"], "a") == "**/a"  # as close as each other: the first by its text


@settings(max_examples=500, deadline=None)
@given(st.lists(PATTERN, max_size=6), ROOM)
def test_the_order_in_which_patterns_stand_decides_nothing(patterns: list[str], room: str) -> None:
    """[T1] The same grant, the same role."""
    found = closest(patterns, room)
    assert closest(reversed(patterns), room) == found
    assert found is None or (found in patterns and parsed(found).matches(room))
    if room in patterns:
        assert found is None or Pattern(found).matches(room)


TRICKS = [
    "notes/../admin",
    "notes/./a",
    "./notes/a",
    "/notes/a",
    "notes//a",
    "notes/a/",
    "notes\\a",
    "notes%2fa",
    "notes%2Fa",
    "notes%252fa",
    "notes\uff0fa",  # fullwidth solidus
    "notes\u2215a",  # division slash
    "notes\u2044a",  # fraction slash
    "notes\u29f8a",
    "\uff4eotes/a",
    "n\u043etes/a",  # Cyrillic o
    "\u202enotes/a",  # right-to-left override
    "notes\u200b/a",  # zero-width space
    "notes/a\ufeff",
    "NOTES/a",
    "notes/A",
    "notes/a ",
    "notes/a\u0301",
]


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_that_looks_like_another_is_another_room(name: str) -> None:
    """[T2] Dots, escapes, look-alikes: a grant for one is none for the other."""
    assert Grant(UserId("ada"), rooms={"notes/a": "editor"}).role_in(name) is None
    assert Grant(UserId("ada"), rooms={name: "editor"}).role_in("notes/a") is None
    assert Grant(UserId("ada"), rooms={name: "editor"}).role_in(name) == "editor"


def test_composed_and_decomposed_letters_are_two_names() -> None:
    """[T2] No Unicode is normalised: whoever stores the room and whoever grants it must mean the same bytes."""
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert not Pattern(f"{composed}/*").matches(f"{decomposed}/a")


def test_dots_are_segments_like_others() -> None:
    """[T2] `a/../b` is in a, whatever a file system would make of it."""
    assert Pattern("a/**").matches("a/../b")
    assert not Pattern("b").matches("a/../b")


def test_the_worst_pattern_is_matched_in_the_product_of_both_lengths() -> None:
    """[T1] Counted in comparisons, not in seconds: a pattern of a token cannot stop the server."""
    counted = 0

    class Counting(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal counted
            counted += 1
            return str.__eq__(self, other)

    text = "/".join(["**", "a"] * 51 + ["b"])
    pattern = Pattern(text)
    segments = [Counting("a") for _ in range(128)]
    pattern._segments = tuple(map(Counting, pattern._segments))
    assert not _matches(pattern._segments, segments)  # type: ignore[arg-type]
    assert counted < 6 * len(text) * len(segments)
