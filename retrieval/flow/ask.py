"""The ways into the flow: `ask`, `ask_sync` and `stream`. Each keeps the audit record around it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from asgiref.sync import async_to_sync

from retrieval.flow.answer import answer
from retrieval.flow.recorder import Recorder
from retrieval.interfaces import Components, Emit, Ending
from retrieval.values.answers import Outcome
from retrieval.values.events import Event
from retrieval.values.questions import Question

# Events a slow client has not read yet; past this the flow waits for the client.
EVENTS_WAITING_MAX = 64


async def silent(event: Event) -> None:
    """Listen to nothing."""


async def ask(question: Question, components: Components, emit: Emit = silent) -> Outcome:
    """Answer one question inside an audit record: opened before any work, closed at every end.

    Raises AuditUnavailable when the record cannot be opened, and then nothing was done; whatever a
    component raises otherwise. An answer whose record cannot be closed is not returned.
    """
    recorder = Recorder(question, components.audit_trail, emit)
    await components.audit_trail.open(question)
    recorder.clock("audit")
    try:
        await components.settings.refresh(question.scope.tenant_id)
        outcome = await answer(question, components, recorder)
    except asyncio.CancelledError:
        await close(components, question, recorder.ending(None, name="abandoned"))
        raise
    except BaseException as error:
        await close(components, question, recorder.ending(None, name="failed", error=type(error).__name__))
        raise
    await close(components, question, recorder.ending(outcome))
    return outcome


async def close(components: Components, question: Question, ending: Ending) -> None:
    """Append the closing entry even while this task is being cancelled."""
    closing = asyncio.ensure_future(components.audit_trail.close(question, ending))
    try:
        # Shielded: a client that leaves now must not take the closing audit entry along.
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise


ask_sync = async_to_sync(ask)


async def stream(question: Question, components: Components) -> AsyncGenerator[Event | Outcome]:
    """The events of one question as they happen, then its outcome. Closing it early cancels the flow."""
    waiting: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=EVENTS_WAITING_MAX)

    async def run() -> Outcome:
        try:
            return await ask(question, components, waiting.put)
        finally:
            # Not awaited: the reader may be gone, and then nobody empties the queue.
            with suppress(asyncio.QueueFull):
                waiting.put_nowait(None)

    flow = asyncio.create_task(run())
    try:
        async for event in read(waiting, flow):
            yield event
        yield await flow
    finally:
        if not flow.done():
            flow.cancel()
            with suppress(asyncio.CancelledError):
                await flow


async def read(
    waiting: "asyncio.Queue[Event | None]", flow: "asyncio.Task[Outcome]"
) -> AsyncGenerator[Event]:
    """Events in order until the flow has ended and none waits any more."""
    while not (flow.done() and waiting.empty()):
        event = await waiting.get()
        if event is None:
            return
        yield event
