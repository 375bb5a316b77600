"""From the output guardrail to the listener, piece by piece."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from retrieval.interfaces import Emit, Inspected, Released
from retrieval.values.events import TextReleased


async def release(watched: AsyncGenerator[Released | Inspected], emit: Emit) -> Inspected:
    """Pass on what may leave, as it may leave, and return the verdict on the whole.

    Raises RuntimeError when the guardrail ends without a verdict: no verdict is never a good one.
    """
    async with aclosing(watched) as items:
        async for item in items:
            match item:
                case Released(text=text):
                    await emit(TextReleased(text=text))
                case Inspected():
                    return item
    raise RuntimeError("The output guardrail ended without a verdict.")
