"""Exact or approximate? Decided here, by counting, and never by the database's own planner.

Left to it, one and the same statement went from 6 to 111 milliseconds and its recall from 0.87 to 1.0
with nothing but the state of the plan cache.
"""

from dataclasses import dataclass

from retrieval.values.chunks import SearchPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where one way of searching ends and the next begins, in chunks.

    An exact search costs about a microsecond a readable chunk. The graph's costs what an unfiltered
    search does, divided by the share of the tenant's chunks that is readable, because it walks past
    the others. They cost the same where readable chunks times share is about 3,000, measured with
    20,000 chunks; there, two chunks of five are readable, so the walk is short and its recall high.
    """

    exact_max: int = 20_000  # above, an exact search is no longer short
    graph_worth: int = 3_000  # readable chunks times their share, from which the graph is cheaper
    postings_worth: int = 1_000  # the same for the lists of rare terms, which are cheaper still


STANDARD = Limits()


def plan(readable: int, tenant_chunks: int, limits: Limits, *, capped: bool = False) -> SearchPlan:
    """Choose the path of the dense search.

    readable: chunks the asker may read. capped: there are more, counting stopped there.
    tenant_chunks: all chunks of the tenant.
    """
    if readable == 0:
        return SearchPlan(path="empty", readable_chunks=0, reason="Nothing is readable.")
    share = _share(readable, tenant_chunks)
    if capped or readable > limits.exact_max:
        path, why = "approximate", f"more than {limits.exact_max:,} chunks are readable"
    elif readable * share > limits.graph_worth:
        path, why = "approximate", f"{readable:,} readable chunks are {share:.0%} of the tenant's"
    else:
        path, why = "exact", f"{readable:,} readable chunks are few enough to compare each"
    return SearchPlan(
        path=path, readable_chunks=readable, capped=capped, reason=f"{why[0].upper()}{why[1:]}."
    )


def compares_every_lexeme(readable: int, tenant_chunks: int, limits: Limits, *, capped: bool = False) -> bool:
    """Whether the lexical search scores every readable chunk, rather than those with the rarest terms."""
    few = readable * _share(readable, tenant_chunks) <= limits.postings_worth
    return few and not capped and readable <= limits.exact_max


def rarest(frequencies: dict[int, int], chunks_max: int) -> list[int]:
    """The rarest terms that stand in at most `chunks_max` chunks together, and one in any case."""
    chosen: list[int] = []
    total = 0
    for term, frequency in sorted(frequencies.items(), key=lambda pair: (pair[1], pair[0])):
        total += frequency
        if chosen and total > chunks_max:
            break
        chosen.append(term)
    return chosen


def _share(readable: int, tenant_chunks: int) -> float:
    # The count of the tenant's chunks is kept apart from the documents' and may lag behind.
    return min(1.0, readable / max(tenant_chunks, 1))
