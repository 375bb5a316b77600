"""The query flow. It reads like the picture in the README, and its order is the security argument."""

from retrieval.flow.citations import cited
from retrieval.flow.release import release
from retrieval.interfaces import Components, Emit
from retrieval.values.answers import Answered, NothingFound, Outcome, Refused, Source, Withheld
from retrieval.values.events import (
    AnswerInspected,
    AnswerStored,
    ChunksPermitted,
    ChunksRetrieved,
    EvidenceCacheChecked,
    ExactCacheChecked,
    QuestionInspected,
    QuestionReformulated,
    SourcesNamed,
    TextReleased,
)
from retrieval.values.questions import Question
from retrieval.values.verdicts import Verdict


async def answer(question: Question, components: Components, emit: Emit) -> Outcome:
    """Answer one question from what its asker may read, or say why not.

    question: unjudged. emit: awaited once per step, in order; an error in it ends the flow.
    Raises what a component raises; callers go through `ask` or `stream`, which keep the audit record.
    """
    safe = await components.input_guardrail.inspect(question)
    if isinstance(safe, Verdict):
        await emit(QuestionInspected(verdict=safe, text=""))
        return Refused(rule=safe.rule)
    await emit(QuestionInspected(verdict=safe.verdict, text=safe.text))

    known = await components.cache.lookup_question(safe)
    if isinstance(known, Answered):
        await emit(ExactCacheChecked(hit=True, document_ids=known.document_ids))
        return await say_again(known, emit)
    await emit(ExactCacheChecked(hit=False))

    query = await components.reformulator.reformulate(safe)
    await emit(QuestionReformulated(changed=query.text != safe.text, expansions=query.expansions))
    candidates = await components.retriever.retrieve(query)
    await emit(ChunksRetrieved(plan=candidates.plan, count=len(candidates.ranked)))
    permitted = await components.permission_filter.permit(candidates, query)
    await emit(ChunksPermitted(permitted=permitted))
    if not permitted:
        return NothingFound()

    same_evidence = await components.cache.lookup_evidence(query, permitted)
    await emit(EvidenceCacheChecked(hit=same_evidence is not None))
    if same_evidence:
        return await say_again(same_evidence, emit)

    await emit(SourcesNamed(citations=cited(permitted)))
    draft = components.generator.draft(query, permitted)
    inspected = await release(components.output_guardrail.watch(draft, query, permitted), emit)
    await emit(AnswerInspected(verdict=inspected.verdict, usage=draft.usage))
    if inspected.verdict.blocked:
        return Withheld(rule=inspected.verdict.rule)
    if not inspected.text.strip():
        return NothingFound()

    answered = Answered(
        text=inspected.text,
        citations=cited(permitted, inspected.text),
        source=Source.GENERATED,
        verdict=inspected.verdict,
        usage=draft.usage,
        document_ids=permitted.document_ids,
    )
    await emit(AnswerStored(stored=await components.cache.store(query, permitted, answered, known)))
    return answered


async def say_again(known: Answered, emit: Emit) -> Answered:
    """Send a cached answer the way a fresh one is sent: sources first, then its text."""
    await emit(SourcesNamed(citations=known.citations))
    await emit(TextReleased(text=known.text))
    return known
