"""How many chunks an asker may read. It chooses a path and grants nothing."""

from typing import Any
from uuid import UUID

from accounts.database import rows_for
from retrieval.search import statements
from retrieval.values.questions import SearchQuery

Key = tuple[bytes, frozenset[UUID], int]  # rights, collections, epoch
KEPT = 4_096  # in memory, about 1 MB when full


class ReadableCounts:
    """Counts readable chunks, and remembers the count until anything anybody may read has changed."""

    def __init__(self, chunks_max: int) -> None:
        """chunks_max: where counting may stop, since more makes no difference to the plan."""
        self._documents_max = chunks_max + 1
        self._known: dict[Key, tuple[int, bool]] = {}

    def of(self, query: SearchQuery, asked: dict[str, Any], epoch: int) -> tuple[int, bool]:
        """Chunks the asker may read in the collections asked for, and whether there are more.

        epoch: the tenant's, read just before; a count of another epoch is not used.
        """
        key = (query.scope.fingerprint, query.question.question.collection_ids, epoch)
        known = self._known.get(key)
        if known is None:
            counted = asked | {"documents_max": self._documents_max}
            ((chunks, documents),) = rows_for(query.scope, statements.count_readable(), counted)
            known = (int(chunks), documents == self._documents_max)
            self._remember(key, known)
        return known

    def _remember(self, key: Key, count: tuple[int, bool]) -> None:
        if len(self._known) >= KEPT:
            # Most of a full memory is of past epochs; counting anew takes milliseconds.
            self._known.clear()
        self._known[key] = count
