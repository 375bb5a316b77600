"""A stream's generator is closed the moment its reader is gone, and silence is filled."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from retrieval.api import streaming
from retrieval.api.streaming import PING, EventStream, frames_of
from tests.retrieval.flow.fakes import a_question, some_components


def test_a_reader_that_leaves_during_sending_closes_the_generator_at_once():
    """Django's own response leaves it open until garbage collection."""
    closed = []

    async def frames() -> AsyncGenerator[bytes]:
        try:
            yield b"first"
            yield b"second"
        finally:
            closed.append(True)

    async def leave_after_one() -> list[bool]:
        response = EventStream(frames())
        async with aclosing(aiter(response)) as parts:  # type: ignore[type-var]  # as Django's handler does
            await anext(parts)
        return list(closed)

    assert asyncio.run(leave_after_one()) == [True]


def test_a_stream_closed_early_closes_the_audit_record():
    components = some_components(wait=asyncio.Event().wait)

    async def leave_at_the_first_word() -> None:
        async with aclosing(aiter(EventStream(frames_of(a_question(), components)))) as parts:  # type: ignore[type-var]
            async for part in parts:
                if b"event: delta" in part:
                    return

    asyncio.run(asyncio.wait_for(leave_at_the_first_word(), 10))
    assert [ending.name for ending in components.audit_trail.endings] == ["abandoned"]  # type: ignore[attr-defined]


def test_a_silent_model_is_covered_by_comments_that_no_client_takes_for_an_event(monkeypatch):
    monkeypatch.setattr(streaming, "PING_SECONDS", 0.001)
    speak = asyncio.Event()

    async def read() -> bytes:
        body = b""
        components = some_components(wait=speak.wait)
        async with aclosing(frames_of(a_question(), components)) as frames:
            async for part in frames:
                body += part
                if part == PING:
                    speak.set()
        return body

    body = asyncio.run(read())
    assert PING in body
    assert body.rstrip().splitlines()[-2] == b"event: done"


def test_frames_are_numbered_and_named_in_order():
    async def read() -> list[bytes]:
        return [part async for part in frames_of(a_question(), some_components())]

    frames = asyncio.run(read())
    assert [int(part.split(b"\n")[0].removeprefix(b"id: ")) for part in frames] == list(range(len(frames)))
    names = [part.split(b"\n")[1].removeprefix(b"event: ").decode() for part in frames]
    assert names[0] == "meta"
    assert names[-1] == "done"
    assert names.index("sources") < names.index("delta")
