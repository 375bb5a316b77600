"""What became of a run."""

from dataclasses import dataclass, field
from typing import Any

from retrieval.models import Source

PROBLEMS_MAX = 50


@dataclass(slots=True, kw_only=True)
class Report:
    """Documents counted by what became of them; `problems` are the first (name, sentence) of those failed."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    outcome: Source.Outcome = Source.Outcome.WHOLE
    problem: str = ""  # of the run as a whole
    problems: list[tuple[str, str]] = field(default_factory=list)
    removals_asked: int = 0

    def fail(self, name: str, reason: str) -> None:
        self.failed += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append((name, reason))

    @property
    def counts(self) -> dict[str, int]:
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "failed": self.failed,
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome.value,
            **self.counts,
            "removals_asked": self.removals_asked,
            "problem": self.problem,
            "problems": [{"name": name, "reason": reason} for name, reason in self.problems],
        }
