"""Watches over open answers: news puts one in doubt, and nothing more is told until it is looked up."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from asgiref.sync import AsyncToSync

from accounts.database import in_database
from accounts.news import RightsNews, Subject, news_of_this_loop
from retrieval.errors import AccessRevoked
from retrieval.standing.claims import Claim, standing
from retrieval.values.questions import Question

# After an end by the clock, looked at again: the database's clock decides, and may be behind ours.
CLOCKS_APART_SECONDS = 2.0
# Evidence that was read this short a time ago needs no second look when nothing was heard since.
JUST_NOW_SECONDS = 0.1
REVOKED = "Your access changed while this was being answered. Ask again to see what you may read now."


class DatabaseStanding:
    """Implements `Standing`: listens in a server's event loop, looks once at the end everywhere else."""

    @asynccontextmanager
    async def watch(self, question: Question) -> AsyncIterator["ClaimWatch"]:
        if getattr(AsyncToSync.executors, "current", None) is not None:
            # A command or a task: its loop is gone with its question, so there is nobody to listen.
            yield ClaimWatch(question, None, Checker())
            return
        news = news_of_this_loop()
        watch = ClaimWatch(question, news, checker_of(news))
        unsubscribe = news.subscribe(subjects_of(question), watch.doubt)
        watch.mind_the_clock()
        try:
            yield watch
        finally:
            unsubscribe()
            watch.rest()


def subjects_of(question: Question) -> list[Subject]:
    """Everything whose news may be about this question."""
    subjects = [f"tenant:{question.scope.tenant_id}", f"user:{question.scope.user_id}"]
    if question.credential and question.credential.session_key:
        digest = hashlib.sha256(question.credential.session_key.encode()).hexdigest()
        subjects.append(f"session:{digest}")
    return subjects


class ClaimWatch:
    """Implements `Watch` for one question."""

    def __init__(self, question: Question, news: RightsNews | None, checker: "Checker") -> None:
        self.lost = False
        self.doubted = news is None
        self._question = question
        self._news = news
        self._checker = checker
        self._documents: tuple[UUID, ...] = ()
        self._known_at = time.monotonic()
        self._shaken = False
        self._stops: list[Callable[[], object]] = []
        self._alarms: list[asyncio.TimerHandle] = []

    @property
    def claim(self) -> Claim:
        return Claim(
            scope=self._question.scope, credential=self._question.credential, document_ids=self._documents
        )

    def rests_on(self, document_ids: Sequence[UUID]) -> None:
        self._documents = tuple(document_ids)
        self._known_at = time.monotonic()
        # News that came before the evidence was known was looked up without it.
        self.doubted = self.doubted or self._shaken

    def on_loss(self, stop: Callable[[], object]) -> None:
        self._stops.append(stop)

    def doubt(self) -> None:
        """Tell nothing more until the claim has been looked up, which begins at once."""
        self.doubted = self._shaken = True
        if not self.lost:
            self._checker.ask(self)

    def lose(self) -> None:
        self.lost = True
        for stop in self._stops:
            stop()

    async def confirm(self) -> None:
        # In doubt, or deaf: what was not heard may have been anything.
        if not self.lost and (self.doubted or self._news is None or not self._news.live):
            await self._checker.ask(self)
        while self.doubted and not self.lost:
            await self._checker.ask(self)
        if self.lost:
            raise AccessRevoked(REVOKED)

    async def conclude(self) -> None:
        # News travels for some milliseconds; an answer that took longer to write can afford to ask.
        if time.monotonic() - self._known_at > JUST_NOW_SECONDS:
            self.doubted = True
        await self.confirm()

    def mind_the_clock(self) -> None:
        """Doubt when the first of the asker's grants, her key or her emergency access ends."""
        if self._question.scope.valid_until is None:
            return
        seconds = (self._question.scope.valid_until - datetime.now(UTC)).total_seconds()
        loop = asyncio.get_running_loop()
        self._alarms = [
            loop.call_later(max(0.0, seconds + later), self.doubt) for later in (0.0, CLOCKS_APART_SECONDS)
        ]

    def rest(self) -> None:
        for alarm in self._alarms:
            alarm.cancel()


class Checker:
    """Looks claims up, all that wait together in one statement."""

    def __init__(self) -> None:
        self._waiting: dict[ClaimWatch, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def ask(self, watch: ClaimWatch) -> "asyncio.Future[None]":
        """Done once the claim was looked up after this call; carries what the database raised."""
        if watch not in self._waiting:
            looked_up = asyncio.get_running_loop().create_future()
            # Read here, since for one that is only in doubt nobody may be waiting.
            looked_up.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._waiting[watch] = looked_up
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look_up())
        return asyncio.shield(self._waiting[watch])

    async def _look_up(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            for watch in batch:
                watch.doubted = False
            try:
                holds = await in_database(standing, [watch.claim for watch in batch])
            except Exception as error:
                for watch, looked_up in batch.items():
                    watch.doubted = True
                    looked_up.set_exception(error)
                continue
            for (watch, looked_up), held in zip(batch.items(), holds, strict=True):
                if not held:
                    watch.lose()
                looked_up.set_result(None)


_checkers: dict[int, tuple[RightsNews, Checker]] = {}


def checker_of(news: RightsNews) -> Checker:
    """One checker a listener, so that all answers one change puts in doubt are looked up together."""
    known = _checkers.get(id(news))
    if known is None or known[0] is not news:
        _checkers.clear()
        _checkers[id(news)] = known = (news, Checker())
    return known[1]
