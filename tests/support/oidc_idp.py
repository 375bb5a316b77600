"""An OpenID Connect provider on loopback whose every claim, key and header a test can bend."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


def a_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """Answers the discovery, key and token requests; `claims` go over the honest ones."""

    key: rsa.RSAPrivateKey = field(default_factory=a_key)
    signing_key: Any = None  # another one than published; for HS256 a text
    algorithm: str = "RS256"
    address: str = ""
    configuration: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    nonce: str = ""
    token_requests: int = 0

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            **self.configuration,
        }

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def id_token(self) -> str:
        now = int(time.time())
        honest = {
            "iss": self.address, "aud": "ragsite", "sub": "subject-1", "iat": now, "exp": now + 300,
            "nonce": self.nonce, "email": "ada@acme.example", "email_verified": True, "name": "Ada",
        }  # fmt: skip
        claims = {
            name: value for name, value in {**honest, **self.claims}.items() if name not in self.dropped
        }
        key = self.key if self.signing_key is None else self.signing_key
        return jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": "one"})


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({"/.well-known/openid-configuration": provider.described, "/keys": provider.keys})

        def do_POST(self) -> None:
            provider.token_requests += 1
            self.rfile.read(int(self.headers["Content-Length"]))
            token = {"access_token": "x", "token_type": "Bearer", "expires_in": 60}
            self.answer({"/token": lambda: {**token, "id_token": provider.id_token()}})

        def answer(self, known: dict[str, Any]) -> None:
            found = known.get(self.path)
            body = json.dumps(found() if found else {}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(location: str) -> dict[str, str]:
    """The parameters of an authorization request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
