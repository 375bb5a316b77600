"""One streamed chat completion from an OpenAI-compatible endpoint, with limits, retries and clear errors.

Nothing said by either side is ever logged.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import openai
from httpx2 import RequestError
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from retrieval.generation.chat_errors import StreamCutShort, retry_after_seconds, unavailable
from retrieval.generation.clients import ChatEndpoint, client_for

Messages = Sequence[ChatCompletionMessageParam]
Options = dict[str, object]
BACKOFF_SECONDS_MAX = 8.0
# Some models refuse these and say which. A refused max_tokens is sent again under its newer name.
_DROPPED_WHEN_REFUSED = ("temperature", "stream_options")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLimits:
    """How long and how often to try.

    timeout_seconds: for the whole completion, retries and pauses included.
    silence_seconds_max: between two pieces, once the first has come.
    retries_max: further attempts after a passing failure, made only before the first piece of text.
    """

    timeout_seconds: float = 60.0
    silence_seconds_max: float = 20.0
    retries_max: int = 2
    backoff_seconds: float = 0.5


_FAILURES = (
    openai.OpenAIError,
    RequestError,
    TimeoutError,
    StreamCutShort,
    json.JSONDecodeError,
    UnicodeDecodeError,
)


async def chat(
    endpoint: ChatEndpoint, limits: ChatLimits, messages: Messages, *, tokens_max: int
) -> AsyncGenerator[ChatCompletionChunk]:
    """Stream one completion. Closing the generator closes the connection, so the endpoint stops writing.

    Raises GeneratorUnavailable, whose message names neither the key nor anything that was said.
    """
    options: Options = {
        "max_tokens": tokens_max,
        "temperature": 0.0,
        "stream_options": {"include_usage": True},
    }
    deadline = time.monotonic() + limits.timeout_seconds
    attempt = 0
    while True:
        begun = False
        try:
            async with aclosing(_attempt(endpoint, limits, messages, options, deadline)) as chunks:
                async for chunk in chunks:
                    begun = begun or _says_something(chunk)
                    yield chunk
            return
        except _FAILURES as error:
            failure, fewer = unavailable(error), _without_refused(options, error)
            pause = _pause_seconds(error, attempt, limits)
        # Outside the handler: the original holds the request and the endpoint's own words, which may
        # quote the key, so it is not chained to what callers log.
        if fewer is not None:
            options = fewer
            continue
        attempt += 1
        out_of_tries = begun or failure.permanent or attempt > limits.retries_max
        if out_of_tries or time.monotonic() + pause >= deadline:
            raise failure
        await asyncio.sleep(pause)


async def _attempt(
    endpoint: ChatEndpoint, limits: ChatLimits, messages: Messages, options: Options, deadline: float
) -> AsyncGenerator[ChatCompletionChunk]:
    client = await client_for(endpoint)
    async with asyncio.timeout(deadline - time.monotonic()):
        stream = await client.chat.completions.create(  # type: ignore[call-overload]
            model=endpoint.model, messages=list(messages), stream=True, **options
        )
    begun = finished = False
    async with stream:
        while True:
            left = deadline - time.monotonic()
            # The first token may take as long as the whole; a model that thinks is not a model that hangs.
            async with asyncio.timeout(min(left, limits.silence_seconds_max) if begun else left):
                chunk = await anext(stream, None)
            if chunk is None:
                break
            begun = begun or _says_something(chunk)
            finished = finished or any(choice.finish_reason for choice in chunk.choices)
            yield chunk
    if not finished:
        raise StreamCutShort


def _without_refused(options: Options, error: Exception) -> Options | None:
    """The options less the one that the endpoint named as unsupported; None when it named none of them."""
    refused = error.param if isinstance(error, openai.BadRequestError) else None
    if refused not in options:
        return None
    kept = {name: value for name, value in options.items() if name != refused}
    if refused == "max_tokens":
        return kept | {"max_completion_tokens": options["max_tokens"]}
    return kept if refused in _DROPPED_WHEN_REFUSED else None


def _says_something(chunk: ChatCompletionChunk) -> bool:
    return any(choice.delta.content or choice.finish_reason for choice in chunk.choices)


def _pause_seconds(error: Exception, attempt: int, limits: ChatLimits) -> float:
    """What the endpoint asked for, or exponential backoff with jitter, so that a crowd spreads out."""
    asked = retry_after_seconds(error)
    if asked is not None:
        return asked
    return min(limits.backoff_seconds * 2**attempt, BACKOFF_SECONDS_MAX) * (1 - secrets.randbelow(500) / 1000)
