"""The output guardrail: an answer leaves as it is written, a little behind, and never unjudged."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from functools import partial

from compliance.pii import PiiEngine
from compliance.pii.policy import PiiRules
from retrieval.guardrails.ahead import Judge
from retrieval.guardrails.citations import unknown_citations_in
from retrieval.guardrails.edits import Edit
from retrieval.guardrails.leaks import CANARY_RULE, PROMPT_RULE, CanaryWatch, PromptWatch
from retrieval.guardrails.links import links_in
from retrieval.guardrails.markup import placeholders_in, tags_in
from retrieval.guardrails.policy import GuardPolicy, PolicySource
from retrieval.guardrails.secrets import secrets_in
from retrieval.guardrails.streaming import HOLD_BACK_CHARS_MIN, HeldText
from retrieval.interfaces import Draft, Inspected, Released
from retrieval.values.chunks import PermittedChunks
from retrieval.values.questions import SearchQuery
from retrieval.values.verdicts import Action, Finding, Verdict

RULES_VERSION = "output-rules-1"


class DefaultOutputGuardrail:
    """Masks or withholds what must not reach the reader, on the stream.

    Personal data goes by the tenant's policy; it does so even where a passage the reader may open holds
    it. Secrets are masked, private keys end the answer; a canary or a run of the system prompt ends it.
    Foreign links lose their address, images and HTML go, and citations of no passage go.
    """

    def __init__(
        self,
        pii: PiiEngine,
        policies: PolicySource,
        hold_back_chars: int = HOLD_BACK_CHARS_MIN,
        secret_actions: Mapping[str, Action] | None = None,
    ) -> None:
        """hold_back_chars: how far a release stays behind what was written, in characters.

        A reader sees the first text once that many and one stride have been written, or at the end.
        secret_actions: by kind of secret ("jwt"), where it shall differ from the default.
        """
        self._pii = pii
        self._policies = policies
        self._hold_back_chars = hold_back_chars
        self._secret_actions = dict(secret_actions or {})

    async def watch(
        self, draft: Draft, query: SearchQuery, permitted: PermittedChunks
    ) -> AsyncGenerator[Released | Inspected]:
        """Released texts and one Inspected, which repeats them joined.

        Any error, the draft's or our own, rises at once: what was held back then never leaves.
        """
        policy = self._policies.policy_for(query.scope.tenant_id)
        held = self._held_text(draft, query, permitted, policy)
        texts: list[str] = []
        async with aclosing(draft.pieces()) as pieces:
            async for piece in pieces:
                for text in held.take(piece):
                    if text:
                        texts.append(text)
                        yield Released(text=text)
                    # A long piece takes many strides; others on this event loop want their turn between.
                    await asyncio.sleep(0)
                if held.blocked:
                    break
        if rest := held.finish():
            texts.append(rest)
            yield Released(text=rest)
        yield Inspected(text="".join(texts), verdict=self._verdict(held, policy))

    def _held_text(
        self, draft: Draft, query: SearchQuery, permitted: PermittedChunks, policy: GuardPolicy
    ) -> HeldText:
        canary, *prompts = draft.watchwords or ("",)
        public = (query.text, query.question.text, *(chunk.text for chunk in permitted.chunks))
        return HeldText(
            judge=_sparing_placeholders(partial(self._judged, policy, len(permitted.chunks))),
            search=_sparing_placeholders(partial(self._personal, policy.pii.answer)),
            leaks=(
                (CANARY_RULE, CanaryWatch(canary).leaked),
                (PROMPT_RULE, PromptWatch(prompts, public).leaked),
            ),
            hold_back_chars=self._hold_back_chars,
        )

    def _judged(self, policy: GuardPolicy, passages: int, window: str) -> Iterator[Edit]:
        yield from secrets_in(window, self._secret_actions)
        yield from tags_in(window)
        yield from links_in(window, policy.allowed_hosts)
        yield from unknown_citations_in(window, passages)

    def _personal(self, rules: PiiRules, window: str) -> Iterator[Edit]:
        wanted = rules.acted_on()
        for span in self._pii.find(window, wanted) if wanted else ():
            yield Edit(
                start=span.start,
                end=span.end,
                replacement=f"<{span.entity_type}>",
                rule=f"pii.{span.entity_type}",
                action=Action(rules.action_for(span.entity_type)),
            )

    def _verdict(self, held: HeldText, policy: GuardPolicy) -> Verdict:
        findings = tuple(
            Finding(rule=rule, action=action, count=count)
            for (rule, action), count in Counter(held.applied).items()
        )
        return Verdict(findings=findings, detector=f"{RULES_VERSION}+{self._pii.version}+{policy.version}")


def _sparing_placeholders(judge: Judge) -> Judge:
    """The judge without what it finds inside one of the guardrails' own placeholders."""

    def judged(window: str) -> Iterator[Edit]:
        ours = placeholders_in(window)
        for edit in judge(window):
            if not any(start <= edit.start and edit.end <= end for start, end in ours):
                yield edit

    return judged
