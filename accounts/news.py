"""Hears of rights that ended, from the database, the moment the change commits.

PostgreSQL delivers a notification with the commit that sent it (triggers in migrations of accounts and
retrieval). One connection a process listens; a heartbeat tells silence from deafness.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection

CHANNEL = "ragsite_rights"
HEARTBEAT_SECONDS = 0.25
DEAF_AFTER_SECONDS = 0.75  # without a sign of life, nobody may rely on having heard everything
KEPT_SECONDS = 30.0  # a request that began this long ago and starts to listen now has missed nothing
RETRY_SECONDS_MAX = 2.0

log = logging.getLogger(__name__)

Subject = str  # "tenant:<id>", "user:<id>" or "session:<SHA-256 of its key>"


class RightsNews:
    """Calls back whoever subscribed to a subject when something of it may have been taken away."""

    def __init__(self) -> None:
        self._subscribers: dict[Subject, dict[Callable[[], None], None]] = {}
        self._recent: deque[tuple[float, Subject]] = deque()
        self._heard_at = float("-inf")
        self._deaf_until = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Whether everything up to a moment ago has been heard."""
        return time.monotonic() - self._heard_at < DEAF_AFTER_SECONDS

    def subscribe(self, subjects: Iterable[Subject], told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called at every news of these subjects; what is returned ends that.

        It is called at once where there was such news in the last half minute, or may have been.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())
        subjects = tuple(subjects)
        for subject in subjects:
            self._subscribers.setdefault(subject, {})[told] = None
        if self._may_have_missed(subjects):
            told()
        return lambda: self._unsubscribe(subjects, told)

    def _unsubscribe(self, subjects: tuple[Subject, ...], told: Callable[[], None]) -> None:
        for subject in subjects:
            listening = self._subscribers.get(subject, {})
            listening.pop(told, None)
            if not listening:
                self._subscribers.pop(subject, None)

    def _may_have_missed(self, subjects: tuple[Subject, ...]) -> bool:
        since = time.monotonic() - KEPT_SECONDS
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        return self._deaf_until > since or not self.live or any(s in subjects for _, s in self._recent)

    def _announce(self, subject: Subject) -> None:
        self._recent.append((time.monotonic(), subject))
        for told in tuple(self._subscribers.get(subject, ())):
            told()

    def _announce_everything(self) -> None:
        """After a gap: whatever was said in it was not heard."""
        self._deaf_until = time.monotonic()
        for listening in tuple(self._subscribers.values()):
            for told in tuple(listening):
                told()

    async def _listen(self) -> None:
        wait = 0.0
        while True:
            try:
                await self._listen_once()
            except (psycopg.Error, OSError) as error:
                self._heard_at = float("-inf")
                wait = min(RETRY_SECONDS_MAX, wait * 2 or 0.1)
                log.warning("rights.deaf", extra={"error": type(error).__name__})
                await asyncio.sleep(wait)

    async def _listen_once(self) -> None:
        """Listen until the connection breaks."""
        async with await psycopg.AsyncConnection.connect(**connection_parameters(), autocommit=True) as ears:
            await ears.execute(f"listen {CHANNEL}")
            self._announce_everything()
            while True:
                await ears.execute("select 1")
                self._heard_at = time.monotonic()
                async for news in ears.notifies(timeout=HEARTBEAT_SECONDS):
                    self._heard_at = time.monotonic()
                    self._announce(news.payload)


def connection_parameters() -> dict[str, Any]:
    """Those of the application's role, for a connection of its own outside the pool."""
    parameters = connection.get_connection_params()
    ours = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
    return {name: parameters[name] for name in ours if name in parameters}


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, RightsNews] = WeakKeyDictionary()


def news_of_this_loop() -> RightsNews:
    """The listener of the running event loop, made when it is first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = RightsNews()
    return _by_loop[loop]
