"""The retriever: dense and lexical search under the asker's rights, fused."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.database import as_multirange, in_database, rows_for
from accounts.scope import AccessScope
from retrieval.errors import EncoderUnavailable, SpaceMoved
from retrieval.interfaces import Encoder
from retrieval.language.analyser import document_terms
from retrieval.search import statements
from retrieval.search.fusion import fuse_scores
from retrieval.search.index import dense_text
from retrieval.search.planner import STANDARD, Limits, compares_every_lexeme, plan, rarest
from retrieval.search.postings import EVERY_CHUNK, postings
from retrieval.search.readable import ReadableCounts
from retrieval.search.space import Encoders, recorded_space, space_of
from retrieval.search.weighting import inverse_frequency, sparse
from retrieval.values.chunks import Candidate, Candidates, SearchPlan
from retrieval.values.questions import SearchQuery
from retrieval.values.spaces import Space

CHUNKS_PER_PROMPT = 8
# Chunks of each leg that fusion sees.
DEPTH = 100
# Chunks with a rare term that are scored, over the share of them that is readable. On SciFact and
# Cranfield 500 rank as well as all of them, within 0.003 of nDCG@10; so does a depth of 100 beside 200.
LISTED_CHUNKS = 500
# Breadth of the walk through the graph: enough where much is readable, and where little is.
BREADTH, BREADTH_MAX = 100, 400
SHARE_OF_WIDE_READERS = 0.3
# How often one question is encoded: before the index goes over to another encoder, after it, and once more.
ENCODED_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outset:
    """What is known before the search: what may be read, and how telling the question's terms are."""

    epoch: int
    tenant_chunks: int
    weights: dict[int, float]  # by term id: inverse document frequency
    frequencies: dict[int, int]  # by posting: chunks of the tenant
    space: Space | None  # of the index; None: nothing is indexed yet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Legs:
    """What each search found, best first or nearly: scores by chunk id, and the chunks' documents."""

    dense: dict[int, float]
    lexical: dict[int, float]
    documents: dict[int, UUID]


class HybridRetriever:
    """Finds chunks by meaning and by words in PostgreSQL, under the asker's rights."""

    def __init__(
        self,
        encoder: Encoder | Encoders,
        *,
        limits: Limits = STANDARD,
        chunks_max: int = CHUNKS_PER_PROMPT,
        depth: int = DEPTH,
    ) -> None:
        """
        encoder: the index's; or several, of which the index's own is taken at each search.
        chunks_max: candidates returned. depth: chunks of each leg that are fused; at least chunks_max.
        """
        self._encoders = encoder if isinstance(encoder, Encoders) else Encoders(encoder)
        self._limits = limits
        self._chunks_max = chunks_max
        self._depth = max(depth, chunks_max)
        self._counts = ReadableCounts(limits.exact_max)

    async def retrieve(self, query: SearchQuery) -> Candidates:
        """The best chunks the asker may read, at most `chunks_max`, with the plan that found them.

        Raises EncoderMismatch when the index was built with another encoder, EncoderUnavailable.
        """
        for _ in range(ENCODED_MAX):
            encoder, vector = await self._encoded(query.search_text)
            try:
                return await in_database(self._search, query, encoder, vector)
            except SpaceMoved:
                # The next attempt asks which encoder it is now.
                self._encoders.of(await in_database(recorded_space))
        raise SpaceMoved("The index goes from one encoder to another again and again; try again later.")

    async def _encoded(self, text: str) -> tuple[Encoder, NDArray[np.float32]]:
        """A text's vector by the index's encoder, as far as this process has noticed."""
        encoder = self._encoders.in_use
        try:
            encoding = await encoder.encode_one(text)
        except EncoderUnavailable:
            # It may have been shut down because the index needs it no more.
            now = self._encoders.of(await in_database(recorded_space))
            if now is encoder:
                raise
            encoder, encoding = now, await now.encode_one(text)
        return encoder, encoding.vector

    def _search(self, query: SearchQuery, encoder: Encoder, vector: NDArray[np.float32]) -> Candidates:
        """Raises SpaceMoved when the index holds another encoder's vectors."""
        asked = _parameters(query)
        outset = self._set_out(query, encoder)
        readable, capped = self._counts.of(query, asked, outset.epoch)
        chosen = plan(readable, outset.tenant_chunks, self._limits, capped=capped)
        if chosen.path == "empty":
            return Candidates(ranked=(), plan=chosen)
        asked |= self._leg_parameters(outset, chosen, vector)
        legs = self._run(query.scope, outset, chosen, asked)
        if chosen.path == "approximate" and len(legs.dense) < min(self._depth, readable):
            chosen = replace(chosen, escalated=True, reason=f"{chosen.reason} The graph brought too few.")
            legs = self._run(query.scope, outset, chosen, asked)
        return Candidates(ranked=self._fused(legs), plan=chosen)

    def _set_out(self, query: SearchQuery, encoder: Encoder) -> _Outset:
        tenant_id = query.scope.tenant_id
        listed = postings(tenant_id, document_terms(query.search_text))
        wanted = {"tenant": tenant_id, "terms": [*listed.values(), EVERY_CHUNK]}
        ((epoch, name, dimensions, terms, chunks),) = rows_for(query.scope, statements.OUTSET, wanted)
        space = None if name is None else Space(name=name, dimensions=dimensions)
        if space not in (None, space_of(encoder)):
            raise SpaceMoved(f"The index holds vectors of encoder {space}.")
        frequencies = dict(zip(terms or (), chunks or (), strict=True))
        total = frequencies.pop(EVERY_CHUNK, 0)
        weights = {
            term: inverse_frequency(frequencies[posting], total)
            for term, posting in listed.items()
            if posting in frequencies
        }
        return _Outset(
            epoch=epoch, tenant_chunks=total, weights=weights, frequencies=frequencies, space=space
        )

    def _leg_parameters(
        self, outset: _Outset, chosen: SearchPlan, vector: NDArray[np.float32]
    ) -> dict[str, Any]:
        share = chosen.readable_chunks / max(outset.tenant_chunks, 1)
        breadth = BREADTH if share >= SHARE_OF_WIDE_READERS else BREADTH_MAX
        listed_max = min(self._limits.exact_max, round(LISTED_CHUNKS / min(1.0, share)))
        return {
            "space": f"{outset.space.name} {outset.space.dimensions}" if outset.space else None,
            "vector": dense_text(vector),
            "weights": sparse(outset.weights),
            "rare": rarest(outset.frequencies, listed_max),
            "depth": self._depth,
            "over_fetch": max(breadth, self._depth),
            "breadth": str(max(breadth, self._depth)),
        }

    def _run(self, scope: AccessScope, outset: _Outset, chosen: SearchPlan, asked: dict[str, Any]) -> _Legs:
        exact = chosen.path == "exact" or chosen.escalated
        every_lexeme = compares_every_lexeme(
            chosen.readable_chunks, outset.tenant_chunks, self._limits, capped=chosen.capped
        )
        search = statements.SETTINGS + statements.search(exact=exact, every_lexeme=every_lexeme)
        rows = rows_for(scope, search, asked)
        if any(leg == statements.MOVED for leg, *_ in rows):
            raise SpaceMoved("The index went over to another encoder while this search was under way.")
        return _legs(rows, self._depth)

    def _fused(self, legs: _Legs) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(
                chunk_id=chunk_id,
                document_id=legs.documents[chunk_id],
                score=score,
                dense_score=legs.dense.get(chunk_id),
                lexical_score=legs.lexical.get(chunk_id),
            )
            for chunk_id, score in fuse_scores(legs.dense, legs.lexical)[: self._chunks_max]
        )


def _parameters(query: SearchQuery) -> dict[str, Any]:
    """What the permission predicate asks about, whatever the statement."""
    return {
        "tenant": query.scope.tenant_id,
        "ceiling": int(query.scope.ceiling),
        "principals": list(query.scope.principals),
        "held": as_multirange(query.scope.principals),
        "collections": sorted(query.question.question.collection_ids) or None,
    }


def _legs(rows: list[tuple[str, int, UUID, float]], depth: int) -> _Legs:
    found: dict[str, dict[int, float]] = {"dense": {}, "lexical": {}}
    for leg, chunk_id, _, score in rows:
        found[leg][chunk_id] = score
    dense = sorted(found["dense"].items(), key=lambda pair: -pair[1])[:depth]
    documents = {chunk_id: document_id for _, chunk_id, document_id, _ in rows}
    return _Legs(dense=dict(dense), lexical=found["lexical"], documents=documents)
