"""A real HTTP server on loopback that speaks enough of the OpenAI chat protocol to test clients with.

    with openai_server(Reply(pieces=("Twenty-five", " days [1]."))) as server:
        OpenAIGenerator(base_url=server.base_url, ...)
        server.requests[0].messages

It can be slow, stall, cut the connection, answer with an error, and it knows when its client has left.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

Scope = Mapping[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server does with one request. Piece indexes count from 0."""

    pieces: Sequence[str] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=lambda: {"message": "scripted", "code": None})
    usage: tuple[int, int] | None = (100, 10)  # prompt and completion tokens; None: never told
    finish_reason: str | None = "stop"
    first_piece_after_seconds: float = 0.0
    between_pieces_seconds: float = 0.0
    stall_before: int | None = None  # silent before this piece until the client leaves
    cut_before: int | None = None  # the connection drops before this piece
    hold_before: int | None = None  # silent before this piece until the server's `go_on` is set


Replies = str | Reply | Sequence[str] | Sequence[Reply]
Script = Replies | Callable[[list[dict[str, Any]]], Replies]


@dataclass(slots=True)
class Received:
    """One request as it came in, and whether its client stayed to the end."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float  # time.monotonic()
    client_left: threading.Event = field(default_factory=threading.Event)
    completed: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", ()))


class OpenAIServer:
    """The ASGI application; `requests` grows with every POST it receives."""

    def __init__(self, script: Script, *, model: str) -> None:
        self.requests: list[Received] = []
        self.asked = threading.Event()  # set once the first request has come
        self.go_on = threading.Event()
        self.base_url = ""
        self.model = model
        self._script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if (scope["method"], scope["path"]) == ("GET", "/v1/models"):
            models = [{"id": self.model, "object": "model", "created": 0, "owned_by": "tests"}]
            await _send_json(send, 200, {"object": "list", "data": models})
        elif (scope["method"], scope["path"]) == ("POST", "/v1/chat/completions"):
            await self._complete(scope, receive, send)
        else:
            await _send_json(send, 404, {"error": {"message": "no such path", "code": "not_found"}})

    async def _complete(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        received = Received(scope["path"], headers, json.loads(await _body(receive)), time.monotonic())
        self.requests.append(received)
        self.asked.set()
        reply = self._reply_to(received, nth=len(self.requests) - 1)
        if reply.status != 200:
            await _send_json(send, reply.status, {"error": dict(reply.error)}, reply.headers)
        elif received.body.get("stream"):
            await self._stream(received, reply, receive, send)
        else:
            await _send_json(send, 200, _whole(reply, self.model), reply.headers)
        received.completed.set()

    def _reply_to(self, received: Received, nth: int) -> Reply:
        script = self._script(received.messages) if callable(self._script) else self._script
        if isinstance(script, Reply):
            return script
        if isinstance(script, str):
            return Reply(pieces=(script,))
        entry = script[min(nth, len(script) - 1)]
        return entry if isinstance(entry, Reply) else Reply(pieces=[str(piece) for piece in script])

    async def _stream(self, received: Received, reply: Reply, receive: Receive, send: Send) -> None:
        await send(_start(200, {"content-type": "text/event-stream", **reply.headers}))
        writing = asyncio.ensure_future(self._write(received, reply, send))
        leaving = asyncio.ensure_future(_client_left(receive))
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not writing.done():
            received.client_left.set()
        for task in (writing, leaving):
            task.cancel()
        await asyncio.gather(writing, leaving, return_exceptions=True)

    async def _write(self, received: Received, reply: Reply, send: Send) -> None:
        tells_usage = bool((received.body.get("stream_options") or {}).get("include_usage"))
        async for event in _events(reply, self.model, tells_usage, self.go_on):
            if event is None:
                # Returning with the body unfinished makes uvicorn drop the connection.
                return
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _events(
    reply: Reply, model: str, tells_usage: bool, go_on: threading.Event
) -> AsyncIterator[bytes | None]:
    """Server-sent events of one completion; None stands for a dropped connection."""
    yield _event(model, [_choice({"role": "assistant", "content": ""})])
    await asyncio.sleep(reply.first_piece_after_seconds)
    for index, piece in enumerate([*reply.pieces, None]):
        if index == reply.stall_before:
            await asyncio.Event().wait()
        if index == reply.hold_before:
            await asyncio.to_thread(go_on.wait, 60)
        if index == reply.cut_before:
            yield None
            return
        if piece is not None:
            yield _event(model, [_choice({"content": piece})])
            await asyncio.sleep(reply.between_pieces_seconds)
    if reply.finish_reason:
        yield _event(model, [_choice({}, reply.finish_reason)])
    if tells_usage and reply.usage:
        yield _event(model, [], usage=_usage(reply.usage))
    yield b"data: [DONE]\n\n"


def _event(model: str, choices: list[dict[str, Any]], **more: Any) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": model}
    return f"data: {json.dumps({**chunk, 'choices': choices, **more})}\n\n".encode()


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _usage(counts: tuple[int, int]) -> dict[str, int]:
    read, written = counts
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _whole(reply: Reply, model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(reply.pieces)}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
    }
    return whole | ({"usage": _usage(reply.usage)} if reply.usage else {})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(status: int, headers: Mapping[str, str]) -> Message:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


async def _send_json(send: Send, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    await send(_start(status, {"content-type": "application/json", **(headers or {})}))
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextmanager
def openai_server(script: Script = "Hello.", *, model: str = "test-model") -> Iterator[OpenAIServer]:
    """Serve `script` on a free loopback port until the block ends.

    script: a text or pieces of it; a Reply for every request; one Reply a request in turn, the last
    repeating; or a function of the request's messages that returns any of these.
    """
    application = OpenAIServer(script, model=model)
    # Listening starts before the thread does, so the first client waits in the backlog, never in vain.
    listener = socket.create_server(("127.0.0.1", 0))
    application.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield application
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        listener.close()
