"""A real HTTP server on loopback that speaks the OpenAI embeddings protocol.

    with embeddings_server(EmbeddingsServer(dimensions=8)) as server:
        RemoteEncoder(base_url=server.base_url, ...)
        server.requests[0]["input"]

Its vectors depend on the text alone and are not normalised; it can fail, fall silent or answer nonsense.
"""

import asyncio
import base64
import hashlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class EmbeddingsServer:
    """What the server does; `requests` grows with the body of every POST it receives."""

    dimensions: int = 8
    statuses: list[int] = field(default_factory=list)  # of the first answers; 200 after them
    silent: bool = False  # never answers
    only_floats: bool = False  # ignores encoding_format, as several servers do
    reversed: bool = False  # sends vectors last first, each with its index
    answer: bytes | None = None  # sent instead of embeddings
    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = json.loads(await _body(receive))
        self.requests.append(request)
        self.authorizations.append(dict(scope["headers"])[b"authorization"].decode())
        if self.silent:
            await asyncio.Event().wait()
        status = self.statuses.pop(0) if self.statuses else 200
        if scope["path"] != "/v1/embeddings":
            status = 404
        content = self._content(request) if status == 200 else b'{"error": {"message": "scripted"}}'
        # The client would otherwise pause for half a second or more before it tries again.
        headers = [(b"content-type", b"application/json"), (b"retry-after-ms", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _content(self, request: dict[str, Any]) -> bytes:
        if self.answer is not None:
            return self.answer
        encoded = request.get("encoding_format") == "base64" and not self.only_floats
        vectors = [vector_of(text, self.dimensions) for text in request["input"]]
        entries = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if encoded else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        listed = entries[::-1] if self.reversed else entries
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        answer = {"object": "list", "data": listed, "model": request["model"], "usage": usage}
        return json.dumps(answer).encode()


def vector_of(text: str, dimensions: int) -> NDArray[np.float32]:
    """The server's vector for a text: any two texts differ, lengths are not 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)


def _base64(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.tobytes()).decode()


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


@contextmanager
def embeddings_server(application: EmbeddingsServer) -> Iterator[EmbeddingsServer]:
    """Serve on a free loopback port until the block ends."""
    # Listening starts before the thread does, so that the first client waits and is not refused.
    listener = socket.create_server(("127.0.0.1", 0))
    application.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    config = uvicorn.Config(
        application,  # type: ignore[arg-type]
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield application
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        listener.close()
