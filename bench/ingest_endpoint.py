"""An embeddings endpoint that takes its time and little else: `python bench/ingest_endpoint.py SECONDS`.

Prints its address, then serves until it is ended. The vectors are the same for every text.
"""

import asyncio
import base64
import json
import socket
import sys
from typing import Any

import numpy as np
import uvicorn

DIMENSIONS = 384
VECTOR = base64.b64encode(np.full(DIMENSIONS, DIMENSIONS**-0.5, dtype="<f4").tobytes()).decode()


class Endpoint:
    """Answers a batch of any size after the same time, as a large accelerator would."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        request = json.loads(body)
        await asyncio.sleep(self._seconds)
        embeddings = [
            {"object": "embedding", "index": index, "embedding": VECTOR}
            for index in range(len(request["input"]))
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        answer = {"object": "list", "data": embeddings, "model": request["model"], "usage": usage}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def main() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", flush=True)
    server = uvicorn.Server(uvicorn.Config(Endpoint(float(sys.argv[1])), lifespan="off", log_level="warning"))
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
