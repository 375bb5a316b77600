"""An encoder behind any OpenAI-compatible embeddings endpoint."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, OpenAI
from openai.types import CreateEmbeddingResponse

from retrieval.errors import EncoderMismatch, EncoderUnavailable
from retrieval.interfaces import Encoding

# Hosts differ in how many texts they take at once; this keeps a request of chunks near 100 kB.
TEXTS_PER_REQUEST_MAX = 128

_Kept = tuple[AsyncOpenAI, AsyncGenerator[AsyncOpenAI]]  # a client, and what closes it


class RemoteEncoder:
    """Encodes texts over HTTP; gives vectors and no token states."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        dimensions: int,
        timeout_seconds: float,
        retries_max: int,
        tokens_max: int = 512,
    ) -> None:
        """
        api_key: "" for an endpoint that asks for none.
        dimensions: length of the vectors that the model gives; other lengths are refused.
        timeout_seconds: of one attempt; there are at most 1 + `retries_max`, with growing pauses.
        tokens_max: what the model reads of a text; nothing is cut here, the endpoint decides.
        """
        self.name = model
        self.dimensions = dimensions
        self.tokens_max = tokens_max
        self._base_url = base_url
        # The client refuses to start without a key and would look for one in the environment.
        self._api_key = api_key or "none"
        self._timeout_seconds = timeout_seconds
        self._retries_max = retries_max
        self._client = OpenAI(
            base_url=base_url, api_key=self._api_key, timeout=timeout_seconds, max_retries=retries_max
        )
        self._async_clients: dict[asyncio.AbstractEventLoop, _Kept] = {}

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts, in order, TEXTS_PER_REQUEST_MAX a request.

        Raises EncoderUnavailable when the endpoint cannot be reached, fails or makes no sense (its
        `permanent` says whether trying again can help), EncoderMismatch when vectors have another length.
        """
        encodings: list[Encoding] = []
        for start in range(0, len(texts), TEXTS_PER_REQUEST_MAX):
            asked = _sendable(texts[start : start + TEXTS_PER_REQUEST_MAX])
            with self._translated():
                vectors = _vectors(self._client.embeddings.create(model=self.name, input=asked), len(asked))
            encodings += [self._encoding(vector) for vector in vectors]
        return encodings

    async def encode_one(self, text: str) -> Encoding:
        """Encode one text without blocking the event loop. Raises as `encode` does."""
        client = await self._async_client()
        with self._translated():
            response = await client.embeddings.create(model=self.name, input=_sendable([text]))
            [vector] = _vectors(response, 1)
        return self._encoding(vector)

    async def _async_client(self) -> AsyncOpenAI:
        """This event loop's client: a connection kept from a loop that has ended cannot be used again."""
        loop = asyncio.get_running_loop()
        if loop not in self._async_clients:
            keeper = self._keep_client(loop)
            self._async_clients[loop] = (await anext(keeper), keeper)
        return self._async_clients[loop][0]

    async def _keep_client(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[AsyncOpenAI]:
        # A loop that ends finalises the async generators begun in it, and with this one its connections.
        async with AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            timeout=self._timeout_seconds,
            max_retries=self._retries_max,
        ) as client:
            try:
                yield client
            finally:
                del self._async_clients[loop]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the client's errors into ours; their own messages may repeat texts, so they stay behind."""
        try:
            yield
        except APIStatusError as error:
            passing = error.status_code in (408, 409, 429) or error.status_code >= 500
            raise self._unavailable(f"answered {error.status_code}", permanent=not passing) from error
        except APIConnectionError as error:
            raise self._unavailable("could not be reached in time") from error
        except (APIError, ValueError, TypeError, AttributeError) as error:
            # The client reads leniently: a wrong answer is noticed where its parts are first used.
            raise self._unavailable("sent something other than the embeddings asked for") from error

    def _encoding(self, vector: NDArray[np.float32]) -> Encoding:
        if vector.shape != (self.dimensions,):
            raise EncoderMismatch(
                f"The embeddings model '{self.name}' is configured with {self.dimensions} dimensions; its"
                f" endpoint sent {vector.size}. Set RAGSITE_EMBEDDINGS_DIMENSIONS to what the model gives."
            )
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise self._unavailable("sent a vector without a direction")
        return Encoding(vector=vector / np.float32(length))

    def _unavailable(self, what: str, permanent: bool = False) -> EncoderUnavailable:
        error = EncoderUnavailable(f"The embeddings endpoint for '{self.name}' {what}.")
        error.permanent = permanent
        return error


def _sendable(texts: Sequence[str]) -> list[str]:
    # Endpoints refuse empty texts, and a lone surrogate cannot be written as JSON in UTF-8.
    return [text.encode("utf-8", "replace").decode() or " " for text in texts]


def _vectors(response: CreateEmbeddingResponse, count: int) -> list[NDArray[np.float32]]:
    """The vectors of a response in the order of its texts. Raises ValueError when it has not `count`."""
    by_index = {each.index: np.asarray(each.embedding, dtype=np.float32) for each in response.data}
    if sorted(by_index) != list(range(count)) or any(vector.ndim != 1 for vector in by_index.values()):
        raise ValueError(f"expected {count} vectors, got {len(response.data)} entries")
    return [by_index[index] for index in range(count)]
