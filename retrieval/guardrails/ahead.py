"""A costly search over waiting text, run seldom: once for a stretch of it instead of once a stride."""

import re
from collections.abc import Callable, Iterable

from retrieval.guardrails.edits import Edit

Judge = Callable[[str], Iterable[Edit]]

# The longest thing that is searched for and holds a blank, and the words after it that vouch for it.
REACH_CHARS = 100

_LAST_TOKEN = re.compile(r"\S*\Z")


class SearchAhead:
    """Knows what a search finds in the waiting text, as far as more text cannot change it.

    All positions count from where the waiting text begins.
    """

    def __init__(self, search: Judge) -> None:
        """search: finds things of one token or at most REACH_CHARS."""
        self._search = search
        self._known: list[Edit] = []
        self._searched_to = 0

    def edits(self, context: str, waiting: str, limit: int, *, final: bool) -> list[Edit]:
        """What begins before `limit`, at least; searches only where it has not been searched yet."""
        if limit > self._searched_to:
            settled = len(waiting) if final else self._settled(waiting)
            moved = (edit.moved(-len(context)) for edit in self._search(context + waiting))
            fresh = (edit for edit in moved if self._searched_to <= edit.start < settled or edit.start < 0)
            self._known += [edit for edit in fresh if edit.end > 0]
            self._searched_to = max(self._searched_to, settled)
        return list(self._known)

    def released(self, chars: int) -> None:
        """The first `chars` characters wait no longer."""
        moved = (edit.moved(-chars) for edit in self._known)
        self._known = [edit for edit in moved if edit.end > 0]
        self._searched_to = max(0, self._searched_to - chars)

    @staticmethod
    def _settled(waiting: str) -> int:
        # A token that may go on could still turn out to be something else.
        last = _LAST_TOKEN.search(waiting)
        return min(len(waiting) - REACH_CHARS, last.start() if last else len(waiting))
