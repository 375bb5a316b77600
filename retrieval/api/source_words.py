"""A source as a page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from retrieval.errors import SourceRefused
from retrieval.models import Source
from retrieval.sources.connector import Connector
from retrieval.sources.registry import connector_of

OUTCOMES = {
    Source.Outcome.NEVER: ("Not run yet", "waiting"),
    Source.Outcome.WHOLE: ("In step", "good"),
    Source.Outcome.PARTLY: ("Partly, goes on", "moving"),
    Source.Outcome.UNCONFIRMED: ("Needs your confirmation", "warn"),
    Source.Outcome.FAILED: ("Failed", "bad"),
}
COUNTED = {
    "added": "added",
    "changed": "changed",
    "removed": "removed",
    "unchanged": "unchanged",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKind:
    """A kind of source. A template would call the class itself."""

    kind: str
    label: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """One run that has ended. `tone`: good, warn, bad, moving or waiting."""

    ended: datetime | None
    words: str
    tone: str
    counts: str
    problem: str
    problems: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSource:
    source: Source
    kind: str
    words: str
    tone: str
    counts: str
    documents: int
    next_run: datetime | None
    runs: list[ShownRun]


def shown_kind(connector: type[Connector]) -> ShownKind:
    return ShownKind(kind=connector.kind, label=connector.label, summary=connector.summary)


def shown_source(source: Source, documents: int) -> ShownSource:
    words, tone = state_of(source)
    return ShownSource(
        source=source,
        kind=kind_label(source.kind),
        words=words,
        tone=tone,
        counts=counts_in_words(source.counts),
        documents=documents,
        next_run=next_run(source),
        runs=[shown_run(run) for run in source.runs],
    )


def state_of(source: Source) -> tuple[str, str]:
    if source.removing:
        return "Being removed", "moving"
    if source.running:
        return "Running", "moving"
    if not source.enabled:
        return "Paused", "waiting"
    if source.waiting:
        return "In line", "moving"
    return OUTCOMES[Source.Outcome(source.last_outcome)]


def kind_label(kind: str) -> str:
    try:
        return connector_of(kind).label
    except SourceRefused:
        return f"{kind} (not installed)"


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Such as "3 added, 12 unchanged"; what is none is not said."""
    said = [f"{counts[name]:,} {word}" for name, word in COUNTED.items() if counts.get(name)]
    return ", ".join(said) or ("nothing there" if counts else "")


def next_run(source: Source) -> datetime | None:
    if not source.enabled or source.removing or not source.schedule_minutes or source.last_started is None:
        return None
    return source.last_started + timedelta(minutes=source.schedule_minutes)


def shown_run(run: Mapping[str, Any]) -> ShownRun:
    words, tone = OUTCOMES[Source.Outcome(run["outcome"])]
    nothing = run["problem"] and not any(run["counts"].values())
    return ShownRun(
        ended=parse_datetime(run["ended"]),
        words=words,
        tone=tone,
        counts="" if nothing else counts_in_words(run["counts"]),
        problem=run["problem"],
        problems=[(name, reason) for name, reason in run["problems"]],
    )
