"""The gate before the flow: limits, injection, personal data, in this order."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from compliance.pii import Masked, PiiEngine, apply
from retrieval.guardrails.canonical import canonical_views
from retrieval.guardrails.injection import InjectionDetector, Reading
from retrieval.guardrails.limits import broken_limit
from retrieval.guardrails.policy import GuardPolicy, InjectionMode, PolicySource
from retrieval.values.questions import Question, SafeQuestion
from retrieval.values.verdicts import Action, Finding, Verdict

# A judgement of this many characters takes a few milliseconds; longer ones leave the event loop.
INLINE_CHARS_MAX = 1_000


class DefaultInputGuardrail:
    """Judges questions by rules and by the tenant's policy.

    An error inside rises and ends the question: what could not be judged is not let through.
    """

    def __init__(
        self,
        *,
        pii: PiiEngine,
        policies: PolicySource,
        question_chars_max: int,
        executor: Executor | None = None,
        detector: InjectionDetector | None = None,
    ) -> None:
        """executor: where long questions are judged, None for the event loop's own bounded pool."""
        self._pii = pii
        self._policies = policies
        self._question_chars_max = question_chars_max
        self._executor = executor
        self._detector = detector or InjectionDetector()
        self.version = f"{self._detector.version}/{pii.version}"

    async def inspect(self, question: Question) -> SafeQuestion | Verdict:
        """A SafeQuestion to go on with, its text masked by policy, or the blocking Verdict."""
        policy = self._policies.policy_for(question.scope.tenant_id)
        if not INLINE_CHARS_MAX < len(question.text) <= self._question_chars_max:
            return self.judge(question, policy)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self.judge, question, policy)

    def judge(self, question: Question, policy: GuardPolicy) -> SafeQuestion | Verdict:
        """The same, blocking, under a given policy."""
        if broken := broken_limit(question.text, self._question_chars_max):
            return self._verdict([broken], policy)
        canonical = canonical_views(question.text)
        findings: list[Finding] = []
        if policy.injection_mode is not InjectionMode.OFF:
            findings += injection_findings(self._detector.read(canonical), policy)
        rules = policy.pii.question
        masked = apply(canonical.text, self._pii.find(canonical.text, rules.acted_on()), rules)
        findings += _pii_findings(masked, policy)
        verdict = self._verdict(findings, policy)
        if verdict.blocked:
            return verdict
        return SafeQuestion(question=question, text=masked.text, verdict=verdict)

    def _verdict(self, findings: Sequence[Finding], policy: GuardPolicy) -> Verdict:
        return Verdict(findings=tuple(findings), detector=f"{self.version}/{policy.version}")


def injection_findings(reading: Reading, policy: GuardPolicy) -> list[Finding]:
    """One finding a rule when the score reaches the policy's threshold; none below it."""
    if reading.score < policy.injection_threshold:
        return []
    action = Action.BLOCK if policy.injection_mode is InjectionMode.BLOCK else Action.ALLOW
    score = round(reading.score, 3)
    return [Finding(rule=f"injection.{rule}", action=action, score=score) for rule in reading.rules]


def _pii_findings(masked: Masked, policy: GuardPolicy) -> list[Finding]:
    return [
        Finding(rule=f"pii.{kind}", action=Action(policy.pii.question.action_for(kind)), count=count)
        for kind, count in masked.counts.items()
    ]
