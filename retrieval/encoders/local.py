"""The encoder that comes with ragsite: all-MiniLM-L6-v2 on the machine's own processor."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding as Tokens

from retrieval.encoders.prepared import NAME, prepare
from retrieval.encoders.session import EncoderSession, batches
from retrieval.encoders.weights import HIDDEN, STATE_LAYERS
from retrieval.interfaces import Encoding


class LocalEncoder:
    """Encodes texts in this process. Making one costs nothing; the first use loads the model."""

    name = NAME
    dimensions = HIDDEN

    def __init__(
        self, models_folder: Path, threads: int, tokens_max: int = 256, states_layers: Sequence[int] = (6,)
    ) -> None:
        """
        models_folder: where the built graph lies, or is built on first use.
        threads: processor cores the encoder may use at once, in all; at least 1.
        tokens_max: tokens read of a text, [CLS] and [SEP] included; the rest is not looked at.
        states_layers: layers whose states are given away, side by side; of 3 and 6.
        """
        if threads < 1 or not 3 <= tokens_max <= 512 or not set(states_layers) <= set(STATE_LAYERS):
            raise ValueError(
                f"threads must be at least 1, tokens_max 3 to 512 and states_layers of {STATE_LAYERS};"
                f" got {threads}, {tokens_max} and {tuple(states_layers)}"
            )
        self.tokens_max = tokens_max
        self._models_folder = models_folder
        self._threads = threads
        self._states = tuple(f"states_{layer}" for layer in states_layers)
        self._loading = Lock()
        self._loaded: _Loaded | None = None

    def warm(self) -> None:
        """Load the model now rather than at the first question.

        Raises WeightsRefused when the graph must be built and the weights are not the expected ones.
        """
        self.encode(["warm"])

    def encode(self, texts: Sequence[str], with_states: bool = False) -> list[Encoding]:
        """Encode texts, in order; token states only on demand, since a document's weigh a megabyte a page.

        Blocking and safe to call from several threads; the graph never keeps more than `threads` cores busy.
        Raises WeightsRefused as `warm` does.
        """
        session = self._here().session
        tokens = session.tokenize(texts)
        wanted = ["vector", *(self._states if with_states else ())]
        encodings: dict[int, Encoding] = {}
        for batch in batches([each.ids for each in tokens]):
            vectors, *states = session.run(batch, wanted)
            for row, position in enumerate(batch.positions):
                rows = [layer[row] for layer in states]
                encodings[position] = _encoding(vectors[row], rows, tokens[position])
        return [encodings[position] for position in range(len(texts))]

    async def encode_one(self, text: str) -> Encoding:
        """Encode one text, token states included, on the encoder's own thread."""
        loop = asyncio.get_running_loop()
        loaded = self._loaded
        if loaded is None or loaded.process != os.getpid():
            # The default executor, because the encoder's own comes with what is loaded here.
            loaded = await loop.run_in_executor(None, self._here)
        [encoding] = await loop.run_in_executor(loaded.executor, self.encode, [text], True)
        return encoding

    def _here(self) -> "_Loaded":
        """What this process has loaded, loading it first where it has not."""
        loaded = self._loaded
        if loaded is not None and loaded.process == os.getpid():
            return loaded
        with self._loading:
            if self._loaded is None or self._loaded.process != os.getpid():
                folder = prepare(self._models_folder)
                session = EncoderSession(folder, self._threads, self.tokens_max)
                self._loaded = _Loaded(session, inherited=self._loaded)
            return self._loaded


class _Loaded:
    """A session and the thread that serves it, good for one process only."""

    def __init__(self, session: EncoderSession, inherited: "_Loaded | None") -> None:
        self.process = os.getpid()
        self.session = session
        # One thread, because runs take turns anyhow; questions are served in the order they came.
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        # A forked child must not free its parent's session: that would join threads it has not got.
        self._inherited = inherited


def _encoding(vector: NDArray[np.float32], states: Sequence[NDArray[np.float32]], tokens: Tokens) -> Encoding:
    # Copied out of the batch: a view would keep the whole batch alive as long as the text.
    if not states:
        return Encoding(vector=vector.copy())
    inner = slice(1, len(tokens.ids) - 1)  # without [CLS] and [SEP]
    together = np.concatenate([layer[inner] for layer in states], axis=1)
    return Encoding(vector=vector.copy(), states=together, offsets=tuple(tokens.offsets[inner]))
