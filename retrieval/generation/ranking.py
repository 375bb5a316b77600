"""Scores the sentences of passages against a question, by their words and by their meaning.

The weights and limits are rounded from a logistic regression on 337 questions with and without an answer
among the passages (the demonstration's documents, HotpotQA, SciFact, Cranfield).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.generation.sentences import Sentence, sentences_of
from retrieval.generation.terms import content_stems, own_and_carried
from retrieval.values.chunks import PermittedChunk
from retrieval.values.questions import SearchQuery

EXPANSION_SHARE = 0.5  # of a word's weight, when it stands in an acronym's long form
CARRIED_SHARE = 0.3  # of a word's weight, when an earlier question brought it: that one has its answer
CONTEXT_SHARE = 0.3  # of a word's weight, when it stands in the headings or the lead-in only
COVERAGE_WEIGHT = 0.4  # beside meaning, which is a cosine and has weight 1
# What it costs that a number or code of the question is not in the passage, or not in the sentence.
ABSENT_NUMBER, ELSEWHERE_NUMBER = 0.3, 0.05

# Confidence from which a sentence answers. It depends on what is known, as each kind has its own scale.
ANSWERS_BY_CHUNK = 0.62
ANSWERS_BY_SENTENCE = 0.70
ANSWERS_BY_WORDS = 0.43 * COVERAGE_WEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A sentence that may be quoted."""

    text: str
    number: int  # of its chunk among the permitted ones, from 1
    order: int  # among all sentences of all chunks
    stems: frozenset[str]
    context_stems: frozenset[str]  # of title, headings and lead-in
    chunk_stems: frozenset[str]
    chunk_cosine: float | None  # None: the dense search did not bring the chunk


def candidates_of(chunks: Sequence[PermittedChunk]) -> list[Candidate]:
    """Every sentence of the chunks, in order."""
    candidates: list[Candidate] = []
    for number, chunk in enumerate(chunks, start=1):
        above = f"{chunk.title} {chunk.heading}"
        above_stems = frozenset(content_stems(above))
        chunk_stems = above_stems | frozenset(content_stems(chunk.text))
        for sentence in sentences_of(chunk.text, headings=above, begins_inside=chunk.start_char > 0):
            order = len(candidates)
            candidates.append(_candidate(sentence, number, order, chunk, above_stems, chunk_stems))
    return candidates


def _candidate(
    sentence: Sentence,
    number: int,
    order: int,
    chunk: PermittedChunk,
    above_stems: frozenset[str],
    chunk_stems: frozenset[str],
) -> Candidate:
    return Candidate(
        text=sentence.text,
        number=number,
        order=order,
        stems=frozenset(content_stems(sentence.text)),
        context_stems=above_stems | frozenset(content_stems(sentence.context)),
        chunk_stems=chunk_stems,
        chunk_cosine=chunk.dense_score,
    )


class Wanted:
    """The question's content words with their weights among the candidates: rare words weigh more."""

    def __init__(self, query: SearchQuery, candidates: Sequence[Candidate]) -> None:
        own, carried = own_and_carried(query.text)
        shares = dict.fromkeys(content_stems(" ".join(query.expansions)), EXPANSION_SHARE)
        shares |= dict.fromkeys(content_stems(carried), CARRIED_SHARE)
        shares |= dict.fromkeys(content_stems(own), 1.0)
        spread = Counter(stem for candidate in candidates for stem in candidate.stems)
        self._weights: Mapping[str, float] = {
            stem: share * math.log(1 + (len(candidates) + 1) / (spread[stem] + 0.5))
            for stem, share in shares.items()
        }
        # An expansion says again what an acronym said: it adds to what can be found, not to what must be.
        must = {*content_stems(own), *content_stems(carried)}
        self._total = sum(self._weights[stem] for stem in must) or 1.0
        self._numbers = [stem for stem in set(content_stems(own)) if any(map(str.isdigit, stem))]

    def coverage(self, candidate: Candidate) -> float:
        """The share of the question's weight that the sentence has, from 0 to 1."""
        found = sum(
            weight * (1.0 if stem in candidate.stems else CONTEXT_SHARE)
            for stem, weight in self._weights.items()
            if stem in candidate.stems or stem in candidate.context_stems
        )
        return min(1.0, found / self._total)

    def number_cost(self, candidate: Candidate) -> float:
        """What the candidate loses for numbers and codes of the question that it does not speak of."""
        absent = sum(number not in candidate.chunk_stems for number in self._numbers)
        here = candidate.stems | candidate.context_stems
        elsewhere = sum(number not in here for number in self._numbers) - absent
        return ABSENT_NUMBER * absent + ELSEWHERE_NUMBER * max(0, elsewhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with how surely it answers; `answers` when that is sure enough."""

    candidate: Candidate
    confidence: float
    answers: bool


def by_words(candidates: Sequence[Candidate], wanted: Wanted) -> list[Candidate]:
    """Best first by words and by the search's view of the chunk: which sentences to look at closely."""

    def promise(candidate: Candidate) -> float:
        return wanted.coverage(candidate) + 0.5 * (candidate.chunk_cosine or 0.0)

    return sorted(candidates, key=promise, reverse=True)


def ranked(candidates: Sequence[Candidate], cosines: Mapping[int, float], wanted: Wanted) -> list[Ranked]:
    """Best first, by words and meaning.

    cosines: a sentence's with the question, by its order; only for some.
    """
    found = [_ranked(candidate, cosines.get(candidate.order), wanted) for candidate in candidates]
    return sorted(found, key=lambda each: each.confidence, reverse=True)


def _ranked(candidate: Candidate, cosine: float | None, wanted: Wanted) -> Ranked:
    meaning, least = _meaning(candidate.chunk_cosine, cosine)
    confidence = COVERAGE_WEIGHT * wanted.coverage(candidate) + meaning - wanted.number_cost(candidate)
    return Ranked(candidate=candidate, confidence=confidence, answers=confidence >= least)


def _meaning(chunk_cosine: float | None, cosine: float | None) -> tuple[float, float]:
    """How near in meaning, and the confidence that is enough on that scale."""
    if chunk_cosine is not None:
        return chunk_cosine, ANSWERS_BY_CHUNK
    return (0.0, ANSWERS_BY_WORDS) if cosine is None else (cosine, ANSWERS_BY_SENTENCE)
