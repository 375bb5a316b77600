"""BM25, split in two: what a chunk knows of its terms, and what the tenant knows of a question's.

The inner product of the two is the score (Robertson and Zaragoza, The Probabilistic Relevance
Framework, 2009), so PostgreSQL computes it on sparse vectors, and stored weights stay right while
frequencies change.
"""

from collections.abc import Mapping
from math import log

from retrieval.language.analyser import TERM_SPACE

K1 = 1.2
B = 0.75
# Terms in a chunk of ordinary length: 120 words of prose keep 84 of them. Frozen, because it is part
# of every stored weight. It only scales how soon repetition saturates, so being wrong costs little.
AVERAGE_TERMS = 84.0


def document_weights(terms: Mapping[int, int]) -> dict[int, float]:
    """Term weights of a chunk: frequency, saturating, against the chunk's length.

    terms: how often each term id stands in the chunk.
    """
    length = sum(terms.values())
    damping = K1 * (1 - B + B * length / AVERAGE_TERMS)
    return {term: count * (K1 + 1) / (count + damping) for term, count in terms.items()}


def inverse_frequency(frequency: int, chunks: int) -> float:
    """How telling a term is that stands in `frequency` of `chunks` chunks; above 0."""
    # A count that lags behind must not turn a weight negative.
    total = max(chunks, frequency)
    return log(1 + (total - frequency + 0.5) / (frequency + 0.5))


def sparse(weights: Mapping[int, float]) -> str:
    """pgvector's text form of a sparse vector; its dimensions count from 1."""
    listed = ",".join(f"{term + 1}:{weights[term]:.6g}" for term in sorted(weights))
    return f"{{{listed}}}/{TERM_SPACE}"
