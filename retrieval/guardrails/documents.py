"""The gate before the index: instructions to the model, in what a document shows and in what it hides.

The trade-off: an office keeps texts about prompt injection, and they quote attacks. In visible text a
quoted or reported attack counts for less; an attacker who words a visible payload as an example
gets past this gate and meets the prompt and the output guardrail. Hidden text has no reader to
explain anything to, so there the bar is low.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from retrieval.guardrails.canonical import canonical_views
from retrieval.guardrails.injection import InjectionDetector, Reading
from retrieval.guardrails.policy import GuardPolicy, InjectionMode, PolicySource
from retrieval.values.verdicts import Action, Finding, Verdict

# As for questions: none of 3,163 clean passages reaches it. The discount for quoted and reported attacks,
# not a higher bar, is what keeps security handbooks out of quarantine.
VISIBLE_THRESHOLD = 0.6
HIDDEN_THRESHOLD = 0.4  # a single loose rule: nobody greets an assistant in a comment by chance
# Long enough that a payload in base64 or in spaced letters is whole in one block.
BLOCK_CHARS = 4_000
BLOCK_OVERLAP_CHARS = 1_000


class DefaultDocumentGuardrail:
    """Judges documents by the same rules as questions, stretch by stretch of 300 characters.

    A blocking verdict means quarantine. An error inside rises: an unjudged document is not indexed.
    """

    def __init__(self, *, policies: PolicySource, detector: InjectionDetector | None = None) -> None:
        self._policies = policies
        self._detector = detector or InjectionDetector()

    def inspect_document(self, tenant_id: UUID, texts: Sequence[str], hidden: Sequence[str]) -> Verdict:
        """Judge a document before it is searchable: its chunks, and text a reader would not see."""
        policy = self._policies.policy_for(tenant_id)
        findings: list[Finding] = []
        if policy.injection_mode is not InjectionMode.OFF:
            # Joined, so that a payload that a chunk border cuts in two is read in one piece.
            findings += self._findings("visible", "\n".join(texts), VISIBLE_THRESHOLD, policy)
            findings += self._findings("hidden", "\n".join(hidden), HIDDEN_THRESHOLD, policy)
        return Verdict(findings=tuple(findings), detector=f"{self._detector.version}/{policy.version}")

    def _findings(self, place: str, text: str, threshold: float, policy: GuardPolicy) -> list[Finding]:
        readings = [self._detector.read(canonical_views(block)) for block in _blocks(text)]
        over = [reading for reading in readings if reading.score >= threshold]
        if not over:
            return []
        action = Action.BLOCK if policy.injection_mode is InjectionMode.BLOCK else Action.ALLOW
        worst = max(over, key=lambda reading: reading.score)
        return [
            Finding(
                rule=f"document.{place}.{rule}", action=action, count=len(over), score=round(worst.score, 3)
            )
            for rule in _rules(worst)
        ]


def _rules(reading: Reading) -> tuple[str, ...]:
    return reading.rules or ("signal",)


def _blocks(text: str) -> Iterator[str]:
    """Overlapping blocks, so that a payload at any position is whole in one of them."""
    step = BLOCK_CHARS - BLOCK_OVERLAP_CHARS
    for start in range(0, max(len(text) - BLOCK_OVERLAP_CHARS, 1), step):
        yield text[start : start + BLOCK_CHARS]
