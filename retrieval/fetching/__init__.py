"""Pages fetched over HTTP from addresses that people typed in, without being led anywhere else."""

from retrieval.errors import FetchRefused
from retrieval.fetching.fetcher import Fetched, Fetcher, FetchLimits

__all__ = ["FetchLimits", "FetchRefused", "Fetched", "Fetcher"]
