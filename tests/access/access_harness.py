"""Keys, tokens with whatever in them, a clock to set, and an HTTP server in a function."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from motet.access import Credentials
from motet.ids import RoomName

SECRET = b"a secret of thirty-two bytes or more"
NOW = 1_800_000_000.0
ROOM = RoomName("notes/a")

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@lru_cache
def private_key(kind: str, name: str = "") -> PrivateKey:
    """A key of the algorithm's kind; another name, another key."""
    match kind:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "weak":
            return rsa.generate_private_key(65537, 1024)
    return rsa.generate_private_key(65537, 2048)


def pem(key: PrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: PrivateKey, **more: object) -> dict[str, object]:
    """The public half as a JWK."""
    match key:
        case rsa.RSAPrivateKey():
            made = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            made = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            made = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**{name: value for name, value in made.items() if name != "key_ops"}, **more}


def jwks(*keys: Mapping[str, object]) -> bytes:
    """A set of keys as it is published."""
    return json.dumps({"keys": keys}).encode()


def claims(**changed: object) -> dict[str, object]:
    """Claims of a good token, with these changed, and those that are None left out."""
    good = {"sub": "ada", "rooms": {"notes/*": "editor"}, "iat": int(NOW) - 60, "exp": int(NOW) + 3600}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: bytes, header: Mapping[str, object] | None = None, secret: bytes = SECRET) -> str:
    """A compact JWS over any bytes, with any header, by HMAC-SHA256 whatever the header says."""
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT", **(header or {})}).encode())
    body = f"{head}.{b64(payload)}"
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return f"{body}.{b64(algorithm.sign(body.encode(), secret))}"


def token(header: Mapping[str, object] | None = None, /, **changed: object) -> str:
    """A good token, but for what is changed."""
    return signed(json.dumps(claims(**changed)).encode(), header)


def token_by(key: PrivateKey, algorithm: str, key_id: str | None = None, **changed: object) -> str:
    """A token that a private key signed."""
    return jwt.encode(claims(**changed), key, algorithm, {} if key_id is None else {"kid": key_id})


def shown(credential: str, **headers: str) -> Credentials:
    """Credentials of somebody somewhere."""
    return Credentials(credential, "192.0.2.1", headers)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Web:
    """An HTTP server in a function: what it answers, and what it was asked."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]) -> None:
        self.answer = answer
        self.asked: list[httpx.Request] = []

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answer(request)
        response = answer if isinstance(answer, httpx.Response) else await answer
        if response.is_closed:  # made of bytes: as a stream, which an answer from a network is
            return httpx.Response(
                response.status_code, headers=response.headers, stream=httpx.ByteStream(response.content)
            )
        return response

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self.handle))
