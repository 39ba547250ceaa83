"""Tokens: which are believed, and every attack on them that we know, with its outcome."""

from __future__ import annotations

import json
from math import inf

import jwt
import pytest
from access_harness import NOW, ROOM, SECRET, Clock, b64, claims, jwk, pem, private_key, shown, signed, token, token_by
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.access import Grant, built_in
from motet.access.keys import Key, keys_of_jwks, secret_key
from motet.access.tokens import LEEWAY, MAX_TOKEN, TokenAccess, mint
from motet.errors import NotAuthenticated
from motet.ids import UserId

ANY: frozenset[str] = frozenset()


def access(audience: str | None = None, issuer: str | None = None, keys: list[Key] | None = None) -> TokenAccess:
    return TokenAccess(keys or [secret_key(SECRET, ANY)], None, built_in(), Clock(), audience, issuer)


async def refusal(credential: str, by: TokenAccess | None = None) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await (by or access()).grant(shown(credential), ROOM)
    assert len(credential) < 10 or credential not in str(refused.value)
    assert len(str(refused.value)) < 300
    return str(refused.value)


async def test_a_good_token_is_a_grant_with_all_that_it_says() -> None:
    """[T9] Each claim once, in its place."""
    credential = token(name="Ada L.", color="#c00", jti="t1", rooms={"notes/*": "editor", "notes/s": "viewer"})
    grant = await access().grant(shown(credential), ROOM)
    assert grant == Grant(
        UserId("ada"),
        "Ada L.",
        rooms={"notes/*": "editor", "notes/s": "viewer"},
        expires=NOW + 3600,
        attributes={"color": "#c00"},
        issued=NOW - 60 - LEEWAY,
        token_id="t1",
    )


async def test_without_a_name_the_others_see_the_user_id() -> None:
    """[T9] Not what the client says of itself."""
    grant = await access().grant(shown(token()), ROOM)
    assert (grant.name, grant.attributes, grant.token_id) == ("ada", {}, "")


async def test_a_token_without_iat_may_have_been_issued_at_any_time() -> None:
    """[T6] So every revocation covers it."""
    assert (await access().grant(shown(token(iat=None)), ROOM)).issued == -inf


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, 0, ["HS256"], "hs256", "HS384", "RS256"])
async def test_a_token_does_not_choose_its_algorithm(alg: object) -> None:
    """[T8] alg=none in every spelling, with and without a signature; algorithms that the key is not bound to."""
    await refusal(token({"alg": alg}))
    head, payload, _ = token({"alg": alg}).split(".")
    await refusal(f"{head}.{payload}.")
    await refusal(f"{head}.{payload}")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_public_key_is_no_secret(algorithm: str) -> None:
    """[T8] Key confusion: HS256 over the public key in each form that an attacker has of it."""
    key = private_key(algorithm)
    published = jwk(key, kid="k")
    by = access(keys=list(keys_of_jwks(json.dumps({"keys": [published]}).encode(), ANY)))
    assert (await by.grant(shown(token_by(key, algorithm, "k")), ROOM)).user == "ada"
    for secret in (pem(key), pem(key).strip(), json.dumps(published).encode(), str(published.get("x", "")).encode()):
        forged = signed(json.dumps(claims()).encode(), {"kid": "k"}, secret or b"x")
        assert "no key of ours" in await refusal(forged, by)
        assert "signature is wrong" in await refusal(forged.replace(forged.split(".")[0], b64(
            json.dumps({"alg": algorithm, "kid": "k"}).encode()), 1), by)  # fmt: skip


@pytest.mark.parametrize("header", ["jwk", "jku", "x5u", "x5c"])
async def test_a_token_does_not_bring_its_own_key(header: str) -> None:
    """[T8] Even when our key signed it: nobody who means well sends it."""
    own = private_key("RS256", "attacker")
    brought = {"jwk": jwk(own), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x", "x5c": ["MII"]}
    assert "its own key" in await refusal(jwt.encode(claims(), own, "RS256", {header: brought[header]}))
    assert "its own key" in await refusal(token({header: brought[header]}))


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": True}, {"crit": []}, {"b64": True}])
async def test_extensions_that_must_be_understood_are_not(header: dict[str, object]) -> None:
    """[T8] RFC 7515, section 4.1.11."""
    await refusal(token(header))


async def test_a_detached_payload_is_none() -> None:
    """[T8] RFC 7797."""
    head, payload, signature = token().split(".")
    await refusal(f"{head}..{signature}")
    detached = token({"b64": False, "crit": ["b64"]}).split(".")
    await refusal(f"{detached[0]}..{detached[2]}")
    await refusal(".".join(detached))
    assert payload


def mutilated() -> dict[str, str]:
    good = token()
    head, payload, signature = good.split(".")
    return {
        "nothing": "",
        "a word": "gibberish",
        "dots": "..",
        "encrypted (JWE)": ".".join([b64(b'{"alg":"dir","enc":"A256GCM"}'), "", "AAAA", "AAAA", "AAAA"]),
        "a space before": f" {good}",
        "a newline behind": f"{good}\n",
        "a space within": f"{head}. {payload}.{signature}",
        "a NUL": f"{good}\0",
        "four parts": f"{good}.AAAA",
        "other letters": f"{head}.{payload}.é{signature[1:]}",
        "lone surrogate": f"{head}.{payload}.\ud800",
        "another signature": f"{head}.{payload}.{b64(bytes(32))}",
        "half a signature": f"{head}.{payload}.{signature[:20]}",
        "another user": f"{head}.{b64(json.dumps(claims(sub='eve')).encode())}.{signature}",
        "another secret": signed(json.dumps(claims()).encode(), secret=SECRET[::-1]),
        "a header of depth": f"{b64(b'[' * 3000)}.{payload}.{signature}",
        "a header that is a list": f"{b64(b'[]')}.{payload}.{signature}",
        "a kid that is a number": token({"kid": 7}),
        "not JSON": signed(b"sub=ada"),
        "nothing signed": signed(b""),
        "a list": signed(json.dumps([claims()]).encode()),
        "depth": signed(b"[" * 3000),
        "UTF-16": signed(json.dumps(claims()).encode("utf-16")),
        "no UTF-8": signed(b'{"sub": "\xff"}'),
        "a long one": token(name="x" * MAX_TOKEN),
        "a very long one": "A" * 10_000_000,
    }


@pytest.mark.parametrize("what", mutilated())
async def test_what_is_no_token_of_ours_is_refused(what: str) -> None:
    """[T12] The reason does not repeat it."""
    await refusal(mutilated()[what])


@pytest.mark.parametrize("claim", ["sub", "rooms", "exp"])
async def test_a_token_says_who_where_and_until_when(claim: str) -> None:
    """[T9] A token that lacks one is refused with the claim's name."""
    assert claim in await refusal(token(**{claim: None}))


BAD_CLAIMS: list[dict[str, object]] = [
    {"sub": ""},
    {"sub": 7},
    {"sub": ["ada"]},
    {"sub": "a" * 257},
    {"sub": "é" * 129},
    {"sub": "a\nb"},
    {"sub": "a\x9fb"},
    {"sub": "a\ud800"},
    {"name": 7},
    {"name": ""},
    {"name": "a" * 257},
    {"name": "\x00"},
    {"color": 7},
    {"color": "red;background:url(//evil.example)"},
    {"color": "#c00\n"},
    {"color": "</style>"},
    {"color": "a" * 65},
    {"jti": 7},
    {"rooms": ["notes/*"]},
    {"rooms": "notes/*"},
    {"rooms": {"notes/*": None}},
    {"rooms": {"notes/*": ["editor"]}},
    {"rooms": {"notes/*": 1}},
    {"rooms": {"": "editor"}},
    {"rooms": {"no*es": "editor"}},
    {"rooms": {"***": "editor"}},
    {"rooms": {"a" * 257: "editor"}},
    {"exp": True},
    {"exp": str(int(NOW) + 60)},
    {"exp": [NOW]},
    {"exp": {}},
    {"exp": -1},
    {"exp": 10**300},
    {"exp": 253402300800},
    {"iat": "yesterday"},
    {"iat": False},
    {"nbf": "0"},
    {"aud": 7},
    {"aud": [7]},
    {"iss": 7},
]


@pytest.mark.parametrize("bad", BAD_CLAIMS, ids=repr)
async def test_a_claim_of_another_type_or_size_is_refused(bad: dict[str, object]) -> None:
    """[T9] And the claim is named."""
    assert f"{next(iter(bad))}" in await refusal(token(**bad))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400, "9" * 5000])
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
async def test_a_time_that_is_no_number_is_refused(claim: str, number: str) -> None:
    """[T10] It would compare with no time, and never end."""
    await refusal(signed(json.dumps(claims(**{claim: 1234567})).replace("1234567", number).encode()))


@pytest.mark.parametrize("twice", ['"sub": "eve"', '"exp": 9999999999', '"rooms": {}'])
async def test_no_claim_is_there_twice(twice: str) -> None:
    """[T9] RFC 7519, section 4: parsers disagree about which one is meant."""
    good = json.dumps(claims())
    assert "twice" in await refusal(signed(f"{{{twice}, {good[1:]}".encode()))
    assert "twice" in await refusal(signed(b'{"sub": "a", "rooms": {"a": "none", "a": "admin"}, "exp": 9999999999}'))


async def test_a_misspelt_role_is_refused_by_its_name() -> None:
    """[T9] It would else be the role of nobody, in silence."""
    assert "'edtor'" in await refusal(token(rooms={"a": "viewer", "notes/*": "edtor"}))
    assert len(await refusal(token(rooms={"a": "r" * 3000}))) < 200


@pytest.mark.parametrize("color", ["#c00", "#cc0000", "#cc0000ff", "tomato", "rgb(1, 2, 3)", "hsl(120deg 50% 50% / 1)"])
async def test_colours_of_style_sheets_are_colours(color: str) -> None:
    """[T9] In the forms that editors use."""
    assert (await access().grant(shown(token(color=color)), ROOM)).attributes == {"color": color}


async def test_times_are_by_our_clock_and_the_end_has_no_leeway() -> None:
    """[T10] A token ends at its second; the issuer's clock may be 30 s ahead."""
    assert (await access().grant(shown(token(exp=NOW + 0.001)), ROOM)).expires == NOW + 0.001
    for exp in (NOW, NOW - 1, 0):
        assert await refusal(token(exp=exp)) == "the token has expired"
    for claim in ("iat", "nbf"):
        await access().grant(shown(token(**{claim: NOW + LEEWAY})), ROOM)
        assert "future" in await refusal(token(**{claim: NOW + LEEWAY + 1}))


async def test_audience_and_issuer_are_as_configured() -> None:
    """[T11] A token for somebody else is none for us, nor one for anybody when nothing is configured."""
    ours = access(audience="motet", issuer="https://id.example")
    for aud in ("motet", ["other", "motet"]):
        assert (await ours.grant(shown(token(aud=aud, iss="https://id.example")), ROOM)).user == "ada"
    for bad in (None, "other", [], ["other"], "MOTET", "motet "):
        assert "audience" in await refusal(token(aud=bad, iss="https://id.example"), ours)
    for bad in (None, "https://id.example/", "evil"):
        assert "issuer" in await refusal(token(aud="motet", iss=bad), ours)
    for aud in ("motet", ["motet"], []):
        assert "audience" in await refusal(token(aud=aud))
    assert (await access().grant(shown(token(iss="anybody")), ROOM)).user == "ada"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
async def test_each_kind_of_public_key_verifies_its_own(algorithm: str) -> None:
    """[T8] And none of another key of its kind."""
    ours, other = private_key(algorithm), private_key(algorithm, "other")
    by = access(keys=list(keys_of_jwks(json.dumps({"keys": [jwk(ours)]}).encode(), ANY)))
    assert (await by.grant(shown(token_by(ours, algorithm)), ROOM)).user == "ada"
    assert await refusal(token_by(other, algorithm), by) == "the signature is wrong"


async def test_kid_narrows_and_its_absence_tries_all() -> None:
    """[T8] A key that the token names is the only one that is tried."""
    first, second = private_key("ES256", "1"), private_key("ES256", "2")
    published = json.dumps({"keys": [jwk(first, kid="1"), jwk(second, kid="2")]}).encode()
    by = access(keys=list(keys_of_jwks(published, ANY)))
    assert (await by.grant(shown(token_by(second, "ES256", "2")), ROOM)).user == "ada"
    assert (await by.grant(shown(token_by(second, "ES256")), ROOM)).user == "ada"
    assert await refusal(token_by(second, "ES256", "1"), by) == "the signature is wrong"
    assert "no key" in await refusal(token_by(second, "ES256", "3"), by)


@settings(max_examples=300, deadline=None)
@given(st.data())
async def test_no_change_of_a_token_is_believed(data: st.DataObject) -> None:
    """[T8] Whatever character is put in whichever place, it is refused, or says the same as before."""
    good = token()
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.characters(max_codepoint=300)) + good[at + data.draw(st.integers(0, 2)) :]
    try:
        grant = await access().grant(shown(changed), ROOM)
    except NotAuthenticated:
        return
    assert grant == await access().grant(shown(good), ROOM)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
async def test_whatever_a_key_signed_is_a_grant_or_refused(payload: bytes) -> None:
    """[T9] Nothing else is raised."""
    await refusal(signed(payload))


async def test_what_is_minted_is_accepted() -> None:
    """[T19] With the strongest choice left to the settings."""
    for accepted in (ANY, frozenset({"HS512"})):
        key = secret_key(SECRET * 2, accepted)
        assert (await access(keys=[key]).grant(shown(mint(key, claims())), ROOM)).user == "ada"
