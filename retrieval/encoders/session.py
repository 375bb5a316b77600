"""The built graph, loaded: tokens in, vectors and token states out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding as Tokens
from tokenizers import Tokenizer

from retrieval.encoders.prepared import GRAPH, TOKENIZER

# Large enough that the matrix products run at full speed, small enough that attention scores of a batch
# stay at 24 MB and that a question need not wait longer than about a quarter of a second behind one.
BATCH_TOKENS_MAX = 2048

# Tokenising takes a second a million characters, and a text whose tokens are longer than this on
# average is blank space or noise: what lies beyond the limit would not have been read.
CHARS_PER_TOKEN_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts that go through the graph together, padded to the longest of them.

    positions: where each row stood among the texts asked for.
    input_ids, attention_mask: int32, shape (texts, tokens).
    """

    positions: tuple[int, ...]
    input_ids: NDArray[np.int32]
    attention_mask: NDArray[np.int32]


def batches(ids: Sequence[Sequence[int]], tokens_max: int = BATCH_TOKENS_MAX) -> Iterator[Batch]:
    """Group texts of like length so that little is padding, longest first.

    ids: token ids of each text, none empty.
    tokens_max: bound of rows times columns of a batch; a longer single text still makes a batch.
    """
    # Longest first: memory grows once, at the first batch.
    order = sorted(range(len(ids)), key=lambda position: len(ids[position]), reverse=True)
    while order:
        rows = max(1, tokens_max // len(ids[order[0]]))
        taken, order = order[:rows], order[rows:]
        yield _padded(taken, ids)


def _padded(positions: Sequence[int], ids: Sequence[Sequence[int]]) -> Batch:
    shape = (len(positions), max(len(ids[position]) for position in positions))
    input_ids, attention_mask = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for row, position in enumerate(positions):
        length = len(ids[position])
        input_ids[row, :length] = ids[position]
        attention_mask[row, :length] = 1
    return Batch(positions=tuple(positions), input_ids=input_ids, attention_mask=attention_mask)


class EncoderSession:
    """A graph and its tokenizer. It must not be used in a process forked after it was made."""

    def __init__(self, folder: Path, threads: int, tokens_max: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._chars_max = tokens_max * CHARS_PER_TOKEN_MAX
        self._tokenizer.enable_truncation(tokens_max)
        self._tokenizer.no_padding()
        self._graph = onnxruntime.InferenceSession(
            str(folder / GRAPH), _options(threads), providers=["CPUExecutionProvider"]
        )
        self._running = Lock()

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text, with their character offsets, [CLS] and [SEP] included."""
        # A lone surrogate has no UTF-8 form; one "?" for it keeps every offset where it was.
        clean = [text[: self._chars_max].encode("utf-8", "replace").decode() for text in texts]
        return list(self._tokenizer.encode_batch(clean))

    def run(self, batch: Batch, outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """The named outputs of the graph for one batch. Releases the GIL while it computes."""
        feeds = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        # One run at a time: a run already uses all threads it may, and two would fight for them.
        with self._running:
            return list(self._graph.run(list(outputs), feeds))


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads answer a question 0.4 ms sooner on an idle machine, but take nearly three times the
    # processor time, and on a busy one they are the slower: 12.9 ms against 8.8 ms at the median.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
