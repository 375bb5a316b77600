"""The ways into the flow: `ask`, `ask_sync` and `stream`. Each keeps the audit record around it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from asgiref.sync import async_to_sync

from retrieval.errors import AccessRevoked
from retrieval.flow.answer import answer
from retrieval.flow.recorder import Recorder
from retrieval.interfaces import Components, Emit, Ending, Watch
from retrieval.values.answers import Outcome
from retrieval.values.events import Event
from retrieval.values.questions import Question

# Events a slow client has not read yet; past this the flow waits for the client.
EVENTS_WAITING_MAX = 64


async def silent(event: Event) -> None:
    """Listen to nothing."""


async def ask(question: Question, components: Components, emit: Emit = silent) -> Outcome:
    """Answer one question inside an audit record: opened before any work, closed at every end.

    Raises AuditUnavailable when the record cannot be opened, and then nothing was done; AccessRevoked
    when the asker's right ended on the way; whatever a component raises otherwise. An answer whose
    record cannot be closed is not returned.
    """
    async with components.standing.watch(question) as watch:
        return await ask_watched(question, components, watch, emit)


async def ask_watched(question: Question, components: Components, watch: Watch, emit: Emit) -> Outcome:
    """`ask` under a watch that its caller holds."""
    recorder = Recorder(question, components.audit_trail, watch, emit)
    await components.audit_trail.open(question)
    recorder.clock("audit")
    try:
        await components.settings.refresh(question.scope.tenant_id)
        outcome = await answer(question, components, recorder)
        await watch.conclude()
    except asyncio.CancelledError:
        name = "revoked" if watch.lost else "abandoned"
        await close(components, question, recorder.ending(None, name=name))
        raise
    except AccessRevoked:
        await close(components, question, recorder.ending(None, name="revoked"))
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
    """The events of one question as they happen, then its outcome. Closing it early cancels the flow.

    Nothing is handed out before it is confirmed that the asker may still have it; losing the right
    ends the stream at once, with AccessRevoked.
    """
    async with components.standing.watch(question) as watch:
        waiting: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=EVENTS_WAITING_MAX)
        flow = asyncio.create_task(run(question, components, watch, waiting))
        watch.on_loss(flow.cancel)
        try:
            async for event in read(waiting, flow):
                await watch.confirm()
                yield event
            outcome = await ended(flow, watch)
            await watch.confirm()
            yield outcome
        finally:
            if not flow.done():
                flow.cancel()
                with suppress(asyncio.CancelledError):
                    await flow


async def run(
    question: Question, components: Components, watch: Watch, waiting: "asyncio.Queue[Event | None]"
) -> Outcome:
    """The flow of a stream: its events into the queue, and None after the last."""
    try:
        return await ask_watched(question, components, watch, waiting.put)
    finally:
        # Not awaited: the reader may be gone, and then nobody empties the queue.
        with suppress(asyncio.QueueFull):
            waiting.put_nowait(None)


async def ended(flow: "asyncio.Task[Outcome]", watch: Watch) -> Outcome:
    """What the flow came to. Raises AccessRevoked where it was cancelled because of that."""
    try:
        return await flow
    except asyncio.CancelledError:
        if watch.lost:
            await watch.confirm()
        raise


async def read(
    waiting: "asyncio.Queue[Event | None]", flow: "asyncio.Task[Outcome]"
) -> AsyncGenerator[Event]:
    """Events in order until the flow has ended and none waits any more."""
    while not (flow.done() and waiting.empty()):
        event = await waiting.get()
        if event is None:
            return
        yield event
