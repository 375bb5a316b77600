"""Answers without a model: the sentences of the passages that fit the question best, with citations."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from retrieval.errors import EncoderUnavailable
from retrieval.generation.ranking import (
    Candidate,
    Ranked,
    Wanted,
    by_words,
    candidates_of,
    ranked,
)
from retrieval.generation.spotlight import quoted_marks_disarmed
from retrieval.interfaces import Draft, Encoder
from retrieval.values.answers import Usage
from retrieval.values.chunks import PermittedChunk, PermittedChunks
from retrieval.values.questions import SearchQuery

ANSWER_CHARS_MAX = 700
SENTENCES_MAX = 4
CHUNKS_MAX = 12
CLOSEST_MAX = 12  # sentences looked at closely
ENCODED_MAX = 6  # of these; a batch of them takes the local encoder some 40 ms on one core
WORSE_MAX = 0.2  # how much less sure than the best a further sentence may be
NEAR_EQUAL = 0.75  # share of words in common from which two sentences say the same


class ExtractiveGenerator:
    """Quotes one to four sentences, in the passages' order, or nothing when none fits.

    encoder: judges the meaning of sentences whose chunk came by words only, so that the search could
        not. Where the search did, its cosine and the words choose as well, forty milliseconds sooner.
    """

    prompt_version = "extractive-1"

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        self.name = "extractive" if encoder is None else f"extractive:{encoder.name}"

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        """Begin an answer; the work is done when the first piece is asked for."""
        return ExtractiveDraft(query, permitted.chunks[:CHUNKS_MAX], self._encoder, self.name)


class ExtractiveDraft:
    """One answer, a sentence at a time; it has no prompt, so nothing of one can leak."""

    watchwords: tuple[str, ...] = ()

    def __init__(
        self, query: SearchQuery, chunks: Sequence[PermittedChunk], encoder: Encoder | None, name: str
    ) -> None:
        self.usage = Usage(model=name)
        self._query = query
        self._chunks = chunks
        self._encoder = encoder

    async def pieces(self) -> AsyncGenerator[str]:
        """Sentences with their citations; none when nothing among the passages answers."""
        # A thread, because stemming and encoding take tens of milliseconds that other streams can use.
        sentences = await asyncio.to_thread(self._sentences)
        for position, sentence in enumerate(sentences):
            yield f" {sentence}" if position else sentence

    def _sentences(self) -> list[str]:
        candidates = candidates_of(self._chunks)
        wanted = Wanted(self._query, candidates)
        closest = by_words(candidates, wanted)[:CLOSEST_MAX]
        best = ranked(closest, self._cosines(closest), wanted)
        return [_cited(candidate) for candidate in sorted(_chosen(best), key=lambda each: each.order)]

    def _cosines(self, candidates: Sequence[Candidate]) -> dict[int, float]:
        """Cosine with the question of each sentence that needs one, by its order."""
        unjudged = [each for each in candidates if each.chunk_cosine is None][:ENCODED_MAX]
        if self._encoder is None or not unjudged:
            return {}
        try:
            encodings = self._encoder.encode([self._query.search_text, *(each.text for each in unjudged)])
        except EncoderUnavailable:
            # The chunks have been found already; words are enough to quote from them.
            return {}
        question, *sentences = (encoding.vector for encoding in encodings)
        return {
            each.order: float(vector @ question) for each, vector in zip(unjudged, sentences, strict=True)
        }


def _chosen(best: Sequence[Ranked]) -> Iterator[Candidate]:
    """The surest sentences that answer, without repetitions, within the limits; best first."""
    chosen: list[Candidate] = []
    chars_left = ANSWER_CHARS_MAX
    for each in best:
        worse = best[0].confidence - each.confidence
        if not each.answers or worse > WORSE_MAX or len(chosen) == SENTENCES_MAX:
            return
        cost = len(_cited(each.candidate)) + 1
        if cost > chars_left or any(_near_equal(each.candidate, other) for other in chosen):
            continue
        chosen.append(each.candidate)
        chars_left -= cost
        yield each.candidate


def _near_equal(one: Candidate, other: Candidate) -> bool:
    shared = len(one.stems & other.stems)
    return shared >= NEAR_EQUAL * max(len(one.stems | other.stems), 1)


def _cited(candidate: Candidate) -> str:
    text = quoted_marks_disarmed(candidate.text).rstrip()
    ending = "" if text[-1:] in ".!?…。\"'”’)" else "."
    return f"{text}{ending} [{candidate.number}]"
