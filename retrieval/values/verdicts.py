"""What a guardrail decided, and why, without repeating what it saw."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What happens to a text, mildest first."""

    ALLOW = "allow"
    MASK = "mask"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a guardrail noticed. It names the rule and never holds the matched text."""

    rule: str  # e.g. "injection.override", "pii.US_SSN", "secret.aws_key", "link.host"
    action: Action
    count: int = 1
    score: float = 1.0  # 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The guardrail's decision on one text; the strictest finding decides."""

    findings: tuple[Finding, ...] = ()
    detector: str = ""  # version of the detector that decided, kept with every verdict

    @property
    def action(self) -> Action:
        actions = [finding.action for finding in self.findings]
        for strict in (Action.BLOCK, Action.MASK):
            if strict in actions:
                return strict
        return Action.ALLOW

    @property
    def blocked(self) -> bool:
        return self.action is Action.BLOCK

    @property
    def rule(self) -> str:
        """Name of the first finding that decided, "" when nothing was found."""
        return next((f.rule for f in self.findings if f.action is self.action), "")
