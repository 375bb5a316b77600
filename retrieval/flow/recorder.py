"""Listens to one run of the flow: what happened, and how long each stage took."""

import time

from retrieval.interfaces import AuditTrail, Emit, Ending, Watch
from retrieval.values.answers import Answered, NothingFound, Outcome, Refused, Source, Withheld
from retrieval.values.events import ChunksPermitted, Event, ExactCacheChecked, TextReleased
from retrieval.values.questions import Question


class Recorder:
    """An `Emit` that keeps events, times stages, and notes what was read before anything leaves."""

    def __init__(self, question: Question, trail: AuditTrail, watch: Watch, listener: Emit) -> None:
        self.question = question
        self.trail = trail
        self.watch = watch
        self.listener = listener
        self.events: list[Event] = []
        self.stages_ms: dict[str, float] = {}
        self.started = self.marked = time.perf_counter()

    async def __call__(self, event: Event) -> None:
        self.clock(event.stage)
        if isinstance(event, ExactCacheChecked):
            self.watch.rests_on(event.document_ids)
        if isinstance(event, ChunksPermitted):
            self.watch.rests_on(event.permitted.document_ids)
            await self.trail.retrieved(self.question, event)
            self.clock("audit")
        if not isinstance(event, TextReleased):
            self.events.append(event)
        await self.listener(event)
        # What the listener took is the client's time, not the stage's.
        self.marked = time.perf_counter()

    def clock(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + (now - self.marked) * 1000
        self.marked = now

    def ending(self, outcome: Outcome | None, name: str = "", error: str = "") -> Ending:
        return Ending(
            outcome=outcome,
            name=name or name_of(outcome),
            events=tuple(self.events),
            stages_ms={stage: round(ms, 3) for stage, ms in self.stages_ms.items()},
            total_ms=round((time.perf_counter() - self.started) * 1000, 3),
            error=error,
        )


def name_of(outcome: Outcome | None) -> str:
    """The word an audit entry keeps for an end."""
    match outcome:
        case Answered(source=Source.GENERATED):
            return "answered"
        case Answered():
            return "cached"
        case Refused():
            return "refused"
        case NothingFound():
            return "nothing_found"
        case Withheld():
            return "withheld"
        case None:
            return "failed"
