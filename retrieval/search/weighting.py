"""BM25, split in two: what a chunk knows of its terms, and what the tenant knows of a question's.

The inner product of the two is the score (Robertson and Zaragoza, The Probabilistic Relevance
Framework, 2009), so PostgreSQL computes it on sparse vectors and an index never has to be rebuilt
when frequencies change.
"""

from collections.abc import Mapping
from math import log

from retrieval.language.analyser import TERM_SPACE

K1 = 1.2
B = 0.75
# Terms in a chunk of ordinary length: 120 words of prose keep about 84 terms. Frozen, because it is
# part of every stored weight; being a third wrong moves nDCG by less than a hundredth.
AVERAGE_TERMS = 84.0


def document_weights(terms: Mapping[int, int]) -> dict[int, float]:
    """Term weights of a chunk: frequency with saturation, against the chunk's length.

    terms: how often each term id stands in the chunk.
    """
    length = sum(terms.values())
    damping = K1 * (1 - B + B * length / AVERAGE_TERMS)
    return {term: count * (K1 + 1) / (count + damping) for term, count in terms.items()}


def question_weights(frequencies: Mapping[int, int], chunks: int) -> dict[int, float]:
    """Inverse document frequency of each term, above 0.

    frequencies: in how many of the tenant's chunks each term stands. chunks: how many there are.
    """
    return {
        # Never below the frequency: a count that lags behind must not turn a weight negative.
        term: log(1 + (max(chunks, frequency) - frequency + 0.5) / (frequency + 0.5))
        for term, frequency in frequencies.items()
    }


def sparse(weights: Mapping[int, float]) -> str:
    """pgvector's text form of a sparse vector; its dimensions count from 1."""
    listed = ",".join(f"{term + 1}:{weights[term]:.6g}" for term in sorted(weights))
    return f"{{{listed}}}/{TERM_SPACE}"
