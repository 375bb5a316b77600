"""Scores sentences against a question, by words and by meaning."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.generation.sentences import Sentence, sentences_of
from retrieval.generation.terms import content_stems
from retrieval.values.chunks import PermittedChunk
from retrieval.values.questions import SearchQuery

CONTEXT_SHARE = 0.5  # a word of the heading or lead-in counts half as much as one in the sentence
EXPANSION_SHARE = 0.5
NEAR_EQUAL = 0.7  # share of words in common above which two sentences say the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A sentence that may be quoted."""

    text: str
    number: int  # of its chunk among the permitted ones, from 1
    order: int  # among all sentences of all chunks
    stems: frozenset[str]
    context_stems: frozenset[str]  # of headings, title and lead-in, without its own
    chunk_score: float

    @property
    def encoded_as(self) -> str:
        return self.text


def candidates_of(chunks: Sequence[PermittedChunk]) -> list[Candidate]:
    """Every sentence of the chunks, in order."""
    pairs = [
        (number, chunk, sentence)
        for number, chunk in enumerate(chunks, start=1)
        for sentence in _sentences(chunk)
    ]
    return [_candidate(order, *pair) for order, pair in enumerate(pairs)]


def _sentences(chunk: PermittedChunk) -> list[Sentence]:
    headings = f"{chunk.title} {chunk.heading}"
    return sentences_of(chunk.text, headings=headings, begins_inside=chunk.start_char > 0)


def _candidate(order: int, number: int, chunk: PermittedChunk, sentence: Sentence) -> Candidate:
    stems = frozenset(content_stems(sentence.text))
    around = content_stems(f"{chunk.title} {chunk.heading} {sentence.context}")
    return Candidate(
        text=sentence.text,
        number=number,
        order=order,
        stems=stems,
        context_stems=frozenset(around) - stems,
        chunk_score=chunk.score,
    )
