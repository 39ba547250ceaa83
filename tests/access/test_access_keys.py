"""Keys: which are loaded, and for which algorithms."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from access_harness import SECRET, jwk, jwks, pem, private_key
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from motet.access.keys import MAX_KEYS, RSA, check_accepted, keys_of_file, keys_of_jwks, secret_key
from motet.errors import ConfigError
from support import seeds

ANY: frozenset[str] = frozenset()
USUAL = {"RS256": "RS256", "ES256": "ES256", "ES384": "ES384", "ES512": "ES512", "EdDSA": "EdDSA"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_a_short_secret_is_refused_with_how_to_make_one() -> None:
    """[T8] One that can be guessed lets everybody in; the secret itself is not told."""
    with pytest.raises(ConfigError, match="openssl rand -base64 32") as refused:
        secret_key(b"hunter2", ANY)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigError):
        secret_key(b"", ANY)
    assert secret_key(b"x" * 32, ANY).algorithms == {"HS256"}
    with pytest.raises(ConfigError, match="at least 64"):
        secret_key(b"x" * 63, frozenset({"HS256", "HS512"}))


def test_a_secret_that_is_a_public_key_is_refused() -> None:
    """[T8] It is not secret. In PEM, and as a JWK."""
    for published in (pem(private_key("RS256")), json.dumps(jwk(private_key("ES256"))).encode()):
        with pytest.raises(ConfigError, match="public_key_file"):
            secret_key(published, ANY)


def test_a_secret_without_an_algorithm_is_refused() -> None:
    """[T8] Whoever set it believes that it is used."""
    with pytest.raises(ConfigError, match="jwt_algorithms"):
        secret_key(SECRET, frozenset({"RS256"}))


def test_no_key_shows_itself() -> None:
    """[T12] In a traceback or a log."""
    assert SECRET.decode() not in repr(secret_key(SECRET, ANY))


@pytest.mark.parametrize("kind", USUAL)
def test_a_public_key_is_for_its_usual_algorithm(kind: str, file: Path) -> None:
    """[T8] In PEM and as a JWK."""
    key = private_key(kind)
    for data in (pem(key), jwks(jwk(key)), b"\n " + jwks(jwk(key))):
        file.write_bytes(data)
        assert [found.algorithms for found in keys_of_file(file, ANY)] == [{USUAL[kind]}]


def test_the_settings_choose_among_what_a_key_is_for(file: Path) -> None:
    """[T8] An RSA key verifies PS256 when told to; never what is not of its kind."""
    file.write_bytes(pem(private_key("RS256")) + b"text between\n" + pem(private_key("ES256")))
    rsa, ec = keys_of_file(file, frozenset({"PS256", "RS512", "ES256", "HS256"}))
    assert rsa.algorithms == {"PS256", "RS512"}
    assert ec.algorithms == {"ES256"}
    (only,) = keys_of_file(file, frozenset({"ES256"}))
    assert only.algorithms == {"ES256"}


def test_a_file_of_several_forms_of_public_keys(file: Path) -> None:
    """[T8] PKCS#1 too, and whatever text is around."""
    key = private_key("RS256").public_key()
    file.write_bytes(b"# ours\n" + key.public_bytes(Encoding.PEM, PublicFormat.PKCS1))  # type: ignore[arg-type]
    assert len(keys_of_file(file, ANY)) == 1


def refused_files() -> dict[str, tuple[bytes, str]]:
    secret_half = private_key("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    other_curve = ec.generate_private_key(ec.SECP256K1())
    other_kind = ed448.Ed448PrivateKey.generate().public_key()
    return {
        "nothing": (b"", "no public key"),
        "a private key": (secret_half, "public keys only"),
        "a certificate": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x509"),
        "weak RSA": (pem(private_key("weak")), "2048"),
        "another curve": (pem(other_curve), "P-256"),
        "another kind": (other_kind.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "Ed25519"),
        "a broken key": (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be used"),
        "a set of none": (b'{"keys": []}', "no public key"),
        "a set of weak ones": (jwks(jwk(private_key("weak"))), "no public key"),
        "no set": (b'{"kty": "RSA"}', "keys"),
        "broken JSON": (b"{", "cannot be used"),
        "too many": (jwks(*[jwk(private_key("ES256"))] * (MAX_KEYS + 1)), "more than"),
    }


@pytest.mark.parametrize("what", refused_files())
def test_a_file_without_keys_that_may_be_used_is_refused(what: str, file: Path) -> None:
    """[T14] At the start, with the file's name and the reason."""
    data, reason = refused_files()[what]
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=reason) as refused:
        keys_of_file(file, ANY)
    assert str(file) in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(file: Path) -> None:
    """[T14] Unreadable is not absent."""
    with pytest.raises(ConfigError, match="No such file"):
        keys_of_file(file, ANY)


IGNORED: list[dict[str, object]] = [
    {"use": "enc"},
    {"use": 7},
    {"key_ops": ["sign"]},
    {"key_ops": "verify"},
    {"alg": "RSA-OAEP"},
    {"alg": "HS256"},
    {"alg": "none"},
    {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
    {"kty": "unheard-of"},
    {"kty": None},
    {"d": "AAAA"},
    {"n": 7},
    {"n": None},
    {"n": "AAAA"},
    {"e": {}},
    {"kid": 7},
]


@pytest.mark.parametrize("changed", IGNORED, ids=repr)
def test_a_published_key_that_is_not_for_us_is_ignored(changed: dict[str, object]) -> None:
    """[T14] Alone: the others of its set are used."""
    good = jwk(private_key("RS256"), kid="good")
    found = keys_of_jwks(jwks({**jwk(private_key("RS256"), kid="bad"), **changed}, good), ANY)
    assert [key.id for key in found] == ["good"]


def test_a_published_key_says_what_it_is_for() -> None:
    """[T14] `use`, `key_ops` and `alg` of a JWK, within the settings."""
    published = jwks(jwk(private_key("RS256"), use="sig", key_ops=["verify"], alg="PS384", kid="k"))
    (key,) = keys_of_jwks(published, ANY)
    assert key.algorithms == {"PS384"}
    assert keys_of_jwks(published, frozenset({"PS384", "RS256"}))[0].algorithms == {"PS384"}
    assert keys_of_jwks(published, frozenset({"RS256"})) == ()


def test_a_key_without_an_id_fits_every_token_and_a_token_without_one_every_key() -> None:
    """[T8] `kid` narrows, no more."""
    named, nameless = keys_of_jwks(jwks(jwk(private_key("ES256"), kid="k"), jwk(private_key("ES256"))), ANY)
    assert [named.fits("ES256", kid) for kid in ("k", None, "other", "")] == [True, True, False, False]
    assert all(nameless.fits("ES256", kid) for kid in ("k", None))
    assert not nameless.fits("ES384", None)


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_mutated_sets_of_keys_are_loaded_or_refused(seed: int) -> None:
    """[T14] Nothing but ValueError is raised, whatever an issuer publishes."""
    rng = random.Random(seed)
    kinds = [jwk(private_key(kind), kid=kind) for kind in USUAL]
    values = [None, 0, -1, 1.5, "", "A", "AAAA", "=", "é", [], {}, "P-256", "EC", "RSA", "OKP", True, "x" * 500]
    for _ in range(400):
        mutated = [dict(key) for key in kinds]
        key = rng.choice(mutated)
        for _ in range(rng.randint(1, 3)):
            key[rng.choice([*key, "alg", "use", "crv", "x", "y"])] = rng.choice(values)
        data = bytearray(jwks(*mutated))
        if rng.random() < 0.3:
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            keys_of_jwks(bytes(data), ANY)
        except ValueError:
            pass
        except BaseException:
            print(f"seed {seed}")
            raise


def test_an_algorithm_that_no_key_is_for_is_refused() -> None:
    """[T8] A misspelt one, `none`, or one of keys that are not there."""
    secret = [secret_key(SECRET, ANY)]
    check_accepted(["HS256"], secret, fetched=False)
    check_accepted([*RSA, "ES256", "EdDSA"], [], fetched=True)
    for useless in ("none", "hs256", "RS256", "ES256K", "HS384"):
        with pytest.raises(ConfigError, match=useless):
            check_accepted(["HS256", useless], secret, fetched=False)
    for useless in ("none", "HS256", "EDDSA"):
        with pytest.raises(ConfigError, match=useless):
            check_accepted([useless], [], fetched=True)
