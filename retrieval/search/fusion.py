"""Two rankings into one. Pure."""

from collections.abc import Mapping, Sequence

Scores = Mapping[int, float]  # by chunk id, higher is better

DENSE_SHARE = 0.5  # of the fused score; best on SciFact and within 0.01 of it on Cranfield


def fuse_scores(dense: Scores, lexical: Scores, dense_share: float = DENSE_SHARE) -> list[tuple[int, float]]:
    """Merge two searches by their scores, each stretched to 0 to 1, best first.

    dense, lexical: scores of each search's best chunks; either may be empty, then the other decides.
    dense_share: weight of the dense search, 0 to 1.

    Returns (id, score) pairs, scores 0 to 1, highest first; ties in the order of ids.
    """
    if not dense or not lexical:
        dense_share = 1.0 if dense else 0.0
    fused: dict[int, float] = {}
    for share, leg in ((dense_share, dense), (1 - dense_share, lexical)):
        for id_, score in _stretched(leg).items():
            fused[id_] = fused.get(id_, 0.0) + share * score
    return sorted(fused.items(), key=lambda pair: (-pair[1], pair[0]))


def fuse_rankings(rankings: Sequence[Sequence[int]], k: int = 10) -> list[tuple[int, float]]:
    """Merge ranked lists of chunk ids into one by reciprocal rank, best first.

    For legs whose scores do not compare at all, such as a reranker's beside BM25.

    rankings: one list a search, each best first, ids unique within a list; may be empty.
    k: damping rank, without unit; the 60 of Cormack, Clarke and Büttcher (SIGIR 2009) suits longer lists.

    Returns (id, score) pairs, highest score first; ties in the order of first sight.
    Raises ValueError when k is not positive.
    """
    if k <= 0:
        raise ValueError(f"k must be positive; got {k}")
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            fused[id_] = fused.get(id_, 0.0) + 1 / (k + rank)
    return sorted(fused.items(), key=lambda pair: -pair[1])


def _stretched(scores: Scores) -> dict[int, float]:
    """Scores moved to 0 to 1; all 1 where they do not differ."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high == low:
        return dict.fromkeys(scores, 1.0)
    return {id_: (score - low) / (high - low) for id_, score in scores.items()}
