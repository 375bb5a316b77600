"""Answers without a model: the sentences of the passages that fit the question best, quoted with citations."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from retrieval.errors import EncoderUnavailable
from retrieval.generation.ranking import Candidate, candidates_of, distinct, lexical_ranking, similarities
from retrieval.generation.spotlight import quoted_marks_disarmed
from retrieval.interfaces import Draft, Encoder
from retrieval.values.answers import Usage
from retrieval.values.chunks import PermittedChunk, PermittedChunks
from retrieval.values.questions import SearchQuery

ANSWER_CHARS_MAX = 700
SENTENCES_MAX = 4
CHUNKS_MAX = 12


class ExtractiveGenerator:
    """Quotes one to four sentences, in the passages' order, or nothing when none fits.

    encoder: compares the sentences with the question by meaning too; None: by words alone.
    """

    name = "extractive"
    prompt_version = "extractive-1"

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        if encoder is not None:
            self.name = f"extractive:{encoder.name}"

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        """Begin an answer; the work is done when the first piece is asked for."""
        return ExtractiveDraft(query, permitted.chunks[:CHUNKS_MAX], self._encoder)
