"""A question's events to a browser or program as they happen, and an end the moment it leaves."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse

from retrieval.api.errors import describe
from retrieval.api.wire import event_json, frame, outcome_json
from retrieval.flow.ask import stream
from retrieval.interfaces import Components
from retrieval.values.answers import Answered, NothingFound, Outcome, Refused, Withheld
from retrieval.values.events import Event
from retrieval.values.questions import Question

# Proxies close connections that are silent for a minute.
PING_SECONDS = 15.0
PING = b": ping\n\n"


class EventStream(StreamingHttpResponse):
    """A `text/event-stream` that closes its generator when the client leaves.

    Django's own response iterates its content without closing it, so the flow would go on and its
    audit record stay open until garbage collection.
    """

    def __init__(self, frames: AsyncGenerator[bytes]) -> None:
        super().__init__(frames, content_type="text/event-stream; charset=utf-8")
        self.frames = frames
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self.frames) as frames:
            async for part in frames:
                yield part


async def frames_of(question: Question, components: Components) -> AsyncGenerator[bytes]:
    """Server-sent events of one question: meta, stage, sources, delta, and one done or error."""
    watch = Stopwatch()
    yield frame("meta", {"id": str(question.request_id)}, 0)
    number = 0
    try:
        async with aclosing(with_pings(stream(question, components))) as items:
            async for item in items:
                if item is None:
                    yield PING
                    continue
                number += 1
                yield frame(*named(item, question.request_id, watch), number)
    except Exception as error:
        status, code, detail = describe(error)
        payload = {"code": code, "detail": detail, "status": status, "request_id": str(question.request_id)}
        yield frame("error", payload, number + 1)
        if status == 500:
            raise


class Stopwatch:
    """Milliseconds since it was last asked, and in all."""

    def __init__(self) -> None:
        self.started = self.marked = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        lap, self.marked = now - self.marked, now
        return round(lap * 1000, 1)

    def total(self) -> float:
        return round((time.perf_counter() - self.started) * 1000, 1)


def named(item: Event | Outcome, request_id: UUID, watch: Stopwatch) -> tuple[str, dict[str, Any]]:
    match item:
        case Answered() | Refused() | NothingFound() | Withheld():
            return "done", outcome_json(request_id, item) | {"total_ms": watch.total()}
        case _:
            name, payload = event_json(item)
            return name, payload | {"ms": watch.lap()}


async def with_pings(items: AsyncGenerator[Event | Outcome]) -> AsyncGenerator[Event | Outcome | None]:
    """The items, with None whenever nothing came for PING_SECONDS."""
    async with aclosing(items):
        waiting = asyncio.ensure_future(anext(items))
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=PING_SECONDS)
                if not done:
                    yield None
                    continue
                try:
                    item = waiting.result()
                except StopAsyncIteration:
                    return
                yield item
                waiting = asyncio.ensure_future(anext(items))
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait({waiting})
