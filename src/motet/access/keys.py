"""Keys that verify tokens. Each is bound to its algorithms when it is loaded; a token's header only selects among them.

So a public key is never a secret of HMAC, and `none` is no key's algorithm (RFC 8725, section 3.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import HMACAlgorithm

from motet.access.strict import Strict, parse
from motet.errors import ConfigError

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

HMAC: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithm to the least bytes of its secret (RFC 7518, section 3.2)."""
RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
PUBLIC: Final = frozenset({*RSA, *CURVES.values(), "EdDSA"})
"""The algorithms of public keys."""
MIN_RSA_BITS: Final = 2048
MAX_KEYS: Final = 32
"""In a set: a token without `kid` is tried with every key that fits."""

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Key:
    """What verifies a signature, and the algorithms that it does so with."""

    algorithms: frozenset[str]
    material: PublicKey | bytes = field(repr=False)
    id: str | None = None
    """Its `kid`; None fits a token of any."""

    def fits(self, algorithm: str, key_id: str | None) -> bool:
        """Whether a token of such a header may have been signed with this key."""
        return algorithm in self.algorithms and (self.id is None or key_id is None or self.id == key_id)


def secret_key(secret: bytes, accepted: frozenset[str]) -> Key:
    """A shared secret, for HS256 or what is accepted. Raises ConfigError for one that may be guessed, or a key."""
    bound = _bound(tuple(HMAC), accepted)
    if not bound:
        raise ConfigError(f"a secret of tokens is set, and jwt_algorithms accepts none of {', '.join(HMAC)}")
    least = max(HMAC[algorithm] for algorithm in bound)
    if len(secret) < least:
        raise ConfigError(
            f"the secret of tokens has {len(secret)} bytes and must have at least {least}: "
            f"make one with `openssl rand -base64 {least}`"
        )
    try:
        material = HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        raise ConfigError("the secret of tokens is a public key: give it as public_key_file") from None
    return Key(bound, material)


def keys_of_file(path: Path, accepted: frozenset[str]) -> tuple[Key, ...]:
    """The public keys of a file: PEM blocks, or a JWKS. Raises ConfigError."""
    try:
        data = path.read_bytes()
        found = keys_of_jwks(data, accepted) if data.lstrip().startswith(b"{") else _keys_of_pem(data, accepted)
    except OSError as e:
        raise ConfigError(f"public_key_file {path} cannot be read: {e.strerror}") from None
    except ValueError as e:
        raise ConfigError(f"public_key_file {path} cannot be used: {e}") from None
    if not found:
        raise ConfigError(f"public_key_file {path} holds no public key (PEM, or a JWKS) that may be used")
    return found


def _keys_of_pem(data: bytes, accepted: frozenset[str]) -> tuple[Key, ...]:
    found = []
    for block in _PEM.finditer(data):
        label = block[1].decode()
        if label not in ("PUBLIC KEY", "RSA PUBLIC KEY"):
            raise ValueError(
                f"it holds a {label}, and must hold public keys only: `openssl pkey -in KEY -pubout` "
                "or `openssl x509 -in CERTIFICATE -pubkey -noout` writes them"
            )
        try:
            material = load_pem_public_key(block[0])
        except UnsupportedAlgorithm as e:
            raise ValueError(str(e)) from None
        fitting = algorithms_of(material)
        if not fitting or not isinstance(material, PublicKey):
            raise ValueError(
                f"a key of a kind that no token is verified with here: RSA of {MIN_RSA_BITS} bits or more, "
                "P-256, P-384, P-521 and Ed25519 are"
            )
        if bound := _bound(fitting, accepted):
            found.append(Key(bound, material))
    return tuple(found)


class _Jwk(Strict, extra="allow"):
    kty: str
    kid: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None
    alg: str | None = None

    @property
    def is_for_us(self) -> bool:
        """A public key for signatures. An `oct` key in a set that travels is no secret, nor is a private one there."""
        verifies = self.use in (None, "sig") and (self.key_ops is None or "verify" in self.key_ops)
        return verifies and self.kty in ("RSA", "EC", "OKP") and "d" not in (self.model_extra or {})


class _Jwks(Strict):
    keys: list[dict[str, object]]


def keys_of_jwks(data: bytes, accepted: frozenset[str]) -> tuple[Key, ...]:
    """The usable keys of a set; the others are ignored (RFC 7517, section 5). Raises ValueError."""
    jwks = parse(_Jwks, data).keys
    if len(jwks) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} keys")
    return tuple(key for jwk in jwks if (key := _key_of_jwk(jwk, accepted)))


def _key_of_jwk(jwk: dict[str, object], accepted: frozenset[str]) -> Key | None:
    try:
        told = _Jwk.model_validate(jwk)
        if not told.is_for_us:
            return None
        # What the key is, PyJWT sees; which algorithms it is for, we say.
        untold = {name: value for name, value in jwk.items() if name != "alg"}
        material = jwt.PyJWK(untold).key
    except (ValueError, jwt.PyJWTError):
        return None
    fitting = algorithms_of(material)
    if told.alg is not None:
        fitting = tuple(algorithm for algorithm in fitting if algorithm == told.alg)
    bound = _bound(fitting, accepted)
    return Key(bound, material, told.kid) if bound else None


def algorithms_of(material: object) -> tuple[str, ...]:
    """The algorithms that a public key is for, the usual one first; none for a key that is too weak or unknown."""
    match material:
        case RSAPublicKey() if material.key_size >= MIN_RSA_BITS:
            return RSA
        case EllipticCurvePublicKey() if material.curve.name in CURVES:
            return (CURVES[material.curve.name],)
        case Ed25519PublicKey():
            return ("EdDSA",)
    return ()


def _bound(fitting: Sequence[str], accepted: frozenset[str]) -> frozenset[str]:
    return accepted.intersection(fitting) if accepted else frozenset(fitting[:1])


def check_accepted(accepted: Iterable[str], keys: Iterable[Key], fetched: bool) -> None:
    """Raises ConfigError for an accepted algorithm that no key is for. Of `fetched` keys any public one may come."""
    usable = {algorithm for key in keys for algorithm in key.algorithms} | (PUBLIC if fetched else set())
    if useless := sorted(set(accepted) - usable):
        raise ConfigError(
            f"jwt_algorithms names {', '.join(useless)}, and no key is for that: a secret is for {', '.join(HMAC)}, "
            "an RSA key for RS256 … PS512, P-256 for ES256, P-384 for ES384, P-521 for ES512, Ed25519 for EdDSA"
        )
