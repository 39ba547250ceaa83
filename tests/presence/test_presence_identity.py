"""What the stamp does to a state: as text, as Python reads it, and as JavaScript does."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.errors import ProtocolViolation
from motet.presence import Identity
from motet.presence.identity import Stamp
from support.node import missing
from support.seeds import fresh

ANN = Identity("ann", "Ann", "")
VIOLET = Identity("u/7", 'Zoë "Z" \\', "#8a2be2")


def stamped(state: str, who: Identity = ANN) -> str:
    return Stamp(who).mark(state.encode()).decode()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("{}", '{"user":{"id":"ann","name":"Ann"}}'),
        ('{"user":{}}', '{"user":{"id":"ann","name":"Ann"}}'),
        ('{"a":1,"user":{"x":[]},"b":2}', '{"a":1,"b":2,"user":{"x":[],"id":"ann","name":"Ann"}}'),
        ('{"user":{"color":"#f00"}}', '{"user":{"color":"#f00","id":"ann","name":"Ann"}}'),
        (
            '\t{ "a" : [ 1, 2 ] ,\r\n"user" : { "b" : { } } } ',
            '{"a" : [ 1, 2 ],"user":{"b" : { },"id":"ann","name":"Ann"}}',
        ),
    ],
)
def test_the_identity_is_merged_into_the_states_user(sent: str, shown: str) -> None:
    """[A13]"""
    assert stamped(sent) == shown


def test_a_color_is_stamped_when_the_identity_has_one() -> None:
    """[A13]"""
    shown = json.loads(stamped('{"user":{"color":"#f00","colorLight":"#f003","name":"?"}}', VIOLET))
    assert shown == {"user": {"colorLight": "#f003", "id": "u/7", "name": 'Zoë "Z" \\', "color": "#8a2be2"}}


def test_who_has_no_name_is_shown_by_the_id() -> None:
    """[A13] The name is the server's to give: a client cannot fill in somebody else's."""
    assert json.loads(stamped('{"user":{"name":"Eve"}}', Identity("ann", "", "")))["user"]["name"] == "ann"


def test_half_a_surrogate_pair_in_a_name_hurts_nobody() -> None:
    """[A13] A token's JSON can hold one."""
    assert stamped("{}", Identity("a", "\ud83d", "")) == '{"user":{"id":"a","name":"\\ud83d"}}'


@pytest.mark.parametrize("user", ["null", "1e400", '"eve"', "[]", '[{"id":"eve"}]', "true"])
def test_a_user_that_is_no_object_becomes_one(user: str) -> None:
    """[A13]"""
    assert stamped(f'{{"user":{user}}}') == '{"user":{"id":"ann","name":"Ann"}}'


NUMBERS = ["1e400", "-1E-400", "1.0", "-0", "123456789012345678901234567890", "0.1000", "1" * 4000]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits(number: str) -> None:
    """[A13]"""
    other = f'"n":{number},"deep":[{{"n":{number}}}]'
    assert (
        stamped(f'{{{other},"user":{{"n":{number}}}}}')
        == f'{{{other},"user":{{"n":{number},"id":"ann","name":"Ann"}}}}'
    )


@pytest.mark.parametrize(
    "forged",
    [
        '{"user":{"id":"eve","name":"Eve"}}',
        '{"user":{"id":"eve"},"user":{"name":"Eve"}}',
        '{"user":{"name":"Eve"},"user":null}',
        '{"\\u0075ser":{"id":"eve"},"user":{}}',
        '{"user":{},"\\u0075\\u0073er":{"i\\u0064":"eve"}}',
        '{"user":{"id":"eve","id":"Eve","\\u006eame":"Eve","name":"eve"}}',
    ],
)
def test_no_other_identity_survives_in_the_text(forged: str) -> None:
    """[A14] Not even for parsers that take the first of two equal names."""
    assert stamped(forged) == '{"user":{"id":"ann","name":"Ann"}}'


@pytest.mark.parametrize(
    "forged",
    [
        '{"user":{"ID":"eve","Name":"Eve"},"USER":{"id":"eve"}}',
        '{"__proto__":{"user":{"id":"eve"}},"user":{"__proto__":{"id":"eve"}}}',
        '{"us\\u0065r ":{"id":"eve"},"u\u200bser":{"id":"eve"},"\uff55\uff53\uff45\uff52":{"id":"eve"}}',
        '{"a":"\\"user\\":{\\"id\\":\\"eve\\"}","b":{"user":{"id":"eve"}}}',
    ],
)
def test_what_only_looks_like_an_identity_stays_and_comes_first(forged: str) -> None:
    """[A14] Who ignores the case of names and takes the last finds the true ones."""
    shown = stamped(forged)
    assert shown.endswith('"id":"ann","name":"Ann"}}')
    others = {name: value for name, value in json.loads(forged).items() if name != "user"}
    assert {name: value for name, value in json.loads(shown).items() if name != "user"} == others


@pytest.mark.parametrize("null", ["null", " null", "null\n"])
def test_null_still_means_gone(null: str) -> None:
    """[A15]"""
    assert stamped(null) == "null"


@pytest.mark.parametrize("state", ["[]", '"x"', "1", "true", ' [{"user":{}}]', '"{}"'])
def test_a_state_that_is_no_object_is_a_violation(state: str) -> None:
    """[A15]"""
    with pytest.raises(ProtocolViolation, match="object"):
        stamped(state)


BROKEN = [
    *("", " ", "{", "{}}", "{} x", "{,}", '{"a"}', '{"a":}', '{"a" 1}', '{"a":1,}', '{"a":1 "b":2}', '{"a":1{"b":2}'),
    *("{a:1}", "{1:1}", "{'a':1}", '{"a":NaN}', '{"a":-Infinity}', '{"a":01}', '{"a":"\n"}', '{"a\n":1}', '{"\\x":1}'),
    *('{"a":1,', '{"a"', '{"a":', '{"user":{"id":1,}}', '{"user":{"id"}}', '{"a":1\u00a0}', "\ufeff{}", '{\x0b"a":1}'),
    *("{[]:1}", '{"a":1}{"b":2}', '{"user":', '{"user":{', "{null:1}", "nul", "null null"),
]


@pytest.mark.parametrize("state", BROKEN)
def test_what_would_throw_in_every_client_is_a_violation_here_too(state: str) -> None:
    """[A2]"""
    with pytest.raises(ProtocolViolation, match=r"not JSON|an object"):
        stamped(state)


def test_a_state_that_is_not_text_is_a_violation() -> None:
    """[A2]"""
    for state in (b"{\xff}", b'{"a":"\xc3"}', b"\xed\xa0\x80"):
        with pytest.raises(ProtocolViolation):
            Stamp(ANN).mark(state)


@pytest.mark.parametrize("where", ['{"a":%s}', '{"user":%s}', '{"user":{"a":%s}}', '{"user":{"id":%s}}'])
def test_nesting_has_a_bound(where: str) -> None:
    """[A2] A violation, never a crash of the interpreter or another error."""
    for opening, closing in (("[", "]"), ('{"user":', "}")):
        assert stamped(where % (opening * 100 + "1" + closing * 100)).endswith('"id":"ann","name":"Ann"}}')
        for depth in (900, 950, 970, 990, 1_000, 3_000):
            state = where % (opening * depth + "1" + closing * depth)
            try:
                stamped(state)
            except ProtocolViolation:
                continue
            assert depth < 1_000


def test_a_stamp_is_the_same_however_often_and_after_whatever_it_was_used() -> None:
    """[A13]"""
    stamp, states = Stamp(ANN), ['{"user":{"a":1}}', "{}", '{"user":{"a":2}}', '{"user":""}', '{"user":{"a":1},"b":2}']
    for state in states * 2:
        once = stamp.mark(state.encode())
        assert once == Stamp(ANN).mark(state.encode())
        assert stamp.mark(once) == once


# ---- whatever is sent

ODD_NAMES = [
    '"user"',
    '"\\u0075ser"',
    '"id"',
    '"i\\u0064"',
    '"name"',
    '"color"',
    '"__proto__"',
    '"User"',
    '"\\ud800"',
    '""',
]
SPACE = ["", "", "", " ", "\n\t", "\r "]
Fields = list[tuple[str, str]]


def value(rng: random.Random, depth: int) -> str:
    """The text of any JSON value."""
    kind = rng.randrange(7 if depth else 5)
    if kind < 2:
        return rng.choice([*NUMBERS, "true", "false", "null", "0", "17"])
    if kind < 5:
        return rng.choice(['"eve"', '""', '"ü€😀"', '"\\u0075\\n\\"\\\\"', '"\\ud83d"', '"{\\"user\\":1}"'])
    if kind == 5:
        return "[" + ",".join(value(rng, depth - 1) for _ in range(rng.randrange(4))) + "]"
    return written(fields(rng, depth - 1), rng)


def fields(rng: random.Random, depth: int) -> Fields:
    return [(rng.choice(ODD_NAMES), value(rng, depth)) for _ in range(rng.randrange(6))]


def written(pairs: Fields, rng: random.Random) -> str:
    space = [rng.choice(SPACE) for _ in range(4)]
    return "{" + space[0] + f"{space[1]},{space[2]}".join(f"{n}:{space[3]}{v}" for n, v in pairs) + space[1] + "}"


def states(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [written(fields(rng, 3), rng) for _ in range(count)]


@pytest.mark.parametrize("seed", [1, 2, fresh()])
def test_javascript_reads_what_was_sent_with_the_identity_in_it(seed: int) -> None:
    """[A13] [A14] Compared with Node's JSON.parse."""
    if shutil.which("node") is None:
        missing("Node is not installed")
    stamps = [
        (Stamp(who), {n: v for n, v in zip(("id", "name", "color"), who, strict=True) if v}) for who in (ANN, VIOLET)
    ]
    vectors = [
        (state, stamp.mark(state.encode()).decode(), identity)
        for state in states(seed, 1_000)
        for stamp, identity in stamps
    ]
    script = Path(__file__).with_name("identity.mjs")
    done = subprocess.run(["node", script], input=json.dumps(vectors), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [], f"seed {seed}"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["user", "id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    state=st.dictionaries(st.sampled_from(["user", "cursor", "__proto__"]) | st.text(), json_values, max_size=5),
    who=st.builds(Identity, st.text(min_size=1), st.text(min_size=1), st.text()),
    ascii_only=st.booleans(),
    indent=st.none() | st.just(1),
)
def test_everything_but_the_identity_is_as_it_was(
    state: dict[str, Any], who: Identity, ascii_only: bool, indent: int
) -> None:
    """[A13]"""
    known = state.get("user")
    identity = {"id": who.user, "name": who.name} | ({"color": who.color} if who.color else {})
    expected = state | {"user": (known if isinstance(known, dict) else {}) | identity}
    assert json.loads(stamped(json.dumps(state, ensure_ascii=ascii_only, indent=indent), who)) == expected


@given(st.text(st.sampled_from('{}[]:,"\\u0075ser id1.e-null\n'), max_size=40))
def test_what_is_taken_is_what_python_takes_for_an_object(state: str) -> None:
    """[A2] [A15] Nothing is made JSON that was none."""
    try:
        known = json.loads(state)  # the alphabet has no NaN and no Infinity, which Python would take
    except ValueError:
        known = "not JSON"
    try:
        shown = json.loads(stamped(state))
    except ProtocolViolation:
        assert known is not None and not isinstance(known, dict)
    else:
        assert shown is None if known is None else shown["user"]["id"] == "ann"
