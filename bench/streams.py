"""Many open streams on a small pool: a real uvicorn, real HTTP, and a language model that takes its time."""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from accounts.database import managing
from accounts.models import ApiKey, Membership
from tests.support.openai_server import OpenAIServer, Reply, openai_server

ROOT = Path(__file__).resolve().parent.parent
POOL = 8
SECONDS_MAX = 120.0
# About four seconds of generation: long enough for every stream to be open at the same moment.
SLOW = Reply(pieces=(*(f"word{n} " for n in range(39)), "[1]."), between_pieces_seconds=0.1)


def run_streams(member: Membership, number: int) -> dict[str, Any]:
    """Open `number` streams at once; an error is any stream that does not end with its `done` event."""
    with managing(member.tenant_id):
        _, secret = ApiKey.objects.issue(member, "bench")
    with openai_server(SLOW) as model, web_server(model.base_url) as address:
        asyncio.run(one_stream(address, secret, "Is there anything about enzymes?"))  # warm
        started = time.perf_counter()
        results = asyncio.run(all_streams(address, secret, number))
        seconds = time.perf_counter() - started
        leaving = [asyncio.run(seconds_until_cancelled(address, secret, model, n)) for n in range(5)]
    first_words = [first for ok, first in results if ok]
    return {
        "streams": number,
        "stream_pool": POOL,
        "stream_errors": sum(not ok for ok, _ in results),
        "stream_seconds": round(seconds, 1),
        "stream_first_event_p50_s": round(statistics.median(first_words), 2) if first_words else None,
        "stream_cancelled_after_leaving_p50_s": round(statistics.median(leaving), 3),
    }


async def all_streams(address: str, secret: str, number: int) -> list[tuple[bool, float]]:
    questions = (f"What is known about factor {n} in cells?" for n in range(number))
    return await asyncio.gather(*(one_stream(address, secret, question) for question in questions))


async def one_stream(address: str, secret: str, question: str) -> tuple[bool, float]:
    """(whether it ended well, seconds to its first event)."""
    headers = {"Authorization": f"Bearer {secret}", "Accept": "text/event-stream"}
    started = time.perf_counter()
    first = 0.0
    body = ""
    try:
        async with (
            httpx2.AsyncClient(timeout=SECONDS_MAX) as client,
            client.stream(
                "POST", f"{address}/api/v1/queries", json={"question": question}, headers=headers
            ) as answer,
        ):
            async for piece in answer.aiter_text():
                first = first or time.perf_counter() - started
                body += piece
    except httpx2.HTTPError:
        return False, 0.0
    return "event: done" in body and '"outcome": "answered"' in body, first


async def seconds_until_cancelled(address: str, secret: str, model: OpenAIServer, number: int) -> float:
    """From a client's leaving in the middle of an answer to the model's losing its own client."""
    headers = {"Authorization": f"Bearer {secret}", "Accept": "text/event-stream"}
    question = {"question": f"What is known about leaving number {number}?"}
    before = len(model.requests)
    async with (
        httpx2.AsyncClient(timeout=SECONDS_MAX) as client,
        client.stream("POST", f"{address}/api/v1/queries", json=question, headers=headers) as answer,
    ):
        # By hand: leaving a loop early would close the connection there and then.
        pieces = answer.aiter_text()
        while "event: sources" not in await anext(pieces):
            pass
        # The model has begun once it has been asked; it takes seconds to end.
        await asyncio.sleep(0.5)
        asked = model.requests[-1]
        assert len(model.requests) > before
        assert not asked.completed.is_set()
        left = time.perf_counter()
    await asyncio.to_thread(asked.client_left.wait, SECONDS_MAX)
    return time.perf_counter() - left


@contextmanager
def web_server(model_url: str) -> Iterator[str]:
    """ragsite's own web process with a pool of 8 and the slow model."""
    port = free_port()
    environment = os.environ | {
        "RAGSITE_DATABASE_POOL_MAX": str(POOL),
        "RAGSITE_GENERATOR": "openai",
        "RAGSITE_LLM_BASE_URL": model_url,
        "RAGSITE_LLM_API_KEY": "bench",
        "RAGSITE_LLM_MODEL": "slow",
    }
    command = [
        sys.executable, "-m", "uvicorn", "ragsite.asgi:application", "--port", str(port), "--log-level", "error",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/livez")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within a minute.")
