"""Answers written by a language model behind any OpenAI-compatible endpoint."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from openai.types.chat import ChatCompletionChunk

from retrieval.generation.chat import ChatLimits, chat
from retrieval.generation.chat_errors import generator_unavailable
from retrieval.generation.clients import ChatEndpoint
from retrieval.generation.prompt import NOTHING_FOUND, Prompt, PromptBuilder
from retrieval.interfaces import Draft
from retrieval.values.answers import Usage
from retrieval.values.chunks import PermittedChunks
from retrieval.values.questions import SearchQuery

CHARS_PER_TOKEN_MAX = (
    8  # a token of ordinary text has about four; an endpoint that sends more ignores its limit
)
CUT = "…"
_AROUND_MARKER = " \t\n\"'`*_."


class OpenAIGenerator:
    """Drafts answers with a chat model. Documents travel in the user role only, spotlighted.

    base_url: up to and with the version, as in "http://127.0.0.1:8000/v1".
    timeout_seconds: for a whole answer. tokens_max: of the answer.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        timeout_seconds: float = 60.0,
        retries_max: int = 2,
        tokens_max: int = 800,
        *,
        silence_seconds_max: float = 20.0,
        prompts: PromptBuilder | None = None,
    ) -> None:
        self._endpoint = ChatEndpoint(base_url=base_url, api_key=api_key, model=model)
        self._limits = ChatLimits(
            timeout_seconds=timeout_seconds, retries_max=retries_max, silence_seconds_max=silence_seconds_max
        )
        self._tokens_max = tokens_max
        self._prompts = prompts or PromptBuilder()
        self.name = f"openai:{model}"
        self.prompt_version = self._prompts.version

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        """Begin an answer. Nothing is sent before the first piece is asked for, or without passages."""
        prompt = self._prompts.build(query, permitted.chunks)
        return OpenAIDraft(self._endpoint, self._limits, prompt, self._tokens_max)


class OpenAIDraft:
    """One answer on its way.

    usage: as the endpoint counts it. Zeros until the end, and for good when the endpoint does not
        count or the reader leaves before the last piece: a guess would pass for a bill.
    """

    def __init__(self, endpoint: ChatEndpoint, limits: ChatLimits, prompt: Prompt, tokens_max: int) -> None:
        self.usage = Usage(model=endpoint.model)
        self.watchwords = prompt.watchwords
        self._endpoint = endpoint
        self._limits = limits
        self._messages = prompt.messages
        self._passages = prompt.passages
        self._tokens_max = tokens_max

    async def pieces(self) -> AsyncGenerator[str]:
        """Text as it comes; none at all when the model says that the passages hold no answer.

        Closing this closes the connection. Raises GeneratorUnavailable, also in the middle.
        """
        if not self._passages:
            return
        opening, said = Opening(), 0
        async with aclosing(
            chat(self._endpoint, self._limits, self._messages, tokens_max=self._tokens_max)
        ) as chunks:
            async for chunk in chunks:
                self._count(chunk)
                text = opening.passed("".join(choice.delta.content or "" for choice in chunk.choices))
                if text:
                    yield text
                said += len(text)
                if said > self._tokens_max * CHARS_PER_TOKEN_MAX:
                    yield CUT
                    return
                if ending := self._early_ending(chunk, opening, said):
                    yield ending
        if rest := opening.rest():
            yield rest

    def _early_ending(self, chunk: ChatCompletionChunk, opening: "Opening", said: int) -> str:
        """What to add when the model stopped before it was done; "" when it did not."""
        if _ended_with(chunk, "content_filter"):
            raise generator_unavailable("The language model's filter stopped the answer.", permanent=True)
        if not _ended_with(chunk, "length"):
            return ""
        rest = opening.rest()
        if not said and not rest:
            raise generator_unavailable(
                "The language model used up its tokens before answering.", permanent=True
            )
        return rest + CUT

    def _count(self, chunk: ChatCompletionChunk) -> None:
        if chunk.usage:
            self.usage = Usage(
                model=self.usage.model,
                input_tokens=chunk.usage.prompt_tokens,
                output_tokens=chunk.usage.completion_tokens,
            )


class Opening:
    """Holds the first characters of an answer back until they cannot be the mark for "nothing found"."""

    def __init__(self) -> None:
        self._held: str | None = ""  # None: the answer is no mark and flows

    def passed(self, text: str) -> str:
        """What may go on of the text so far and not yet passed."""
        if self._held is None:
            return text
        self._held += text
        bare = self._held.strip(_AROUND_MARKER)
        if NOTHING_FOUND.startswith(bare) or bare.startswith(NOTHING_FOUND):
            return ""
        held, self._held = self._held, None
        return held

    def rest(self) -> str:
        """What is still held at the end and is no mark, given out once; a mark is swallowed."""
        held, self._held = self._held or "", None
        bare = held.strip(_AROUND_MARKER)
        return "" if not bare or bare.startswith(NOTHING_FOUND) else held


def _ended_with(chunk: ChatCompletionChunk, reason: str) -> bool:
    return any(choice.finish_reason == reason for choice in chunk.choices)
