"""Events and endings as the audit trail keeps them: ids, scores, rules, counts; never words."""

from typing import Any

from retrieval.interfaces import Ending
from retrieval.values.answers import Answered, Refused, Withheld
from retrieval.values.chunks import PermittedChunks
from retrieval.values.events import (
    AnswerInspected,
    ChunksRetrieved,
    Event,
    EvidenceCacheChecked,
    ExactCacheChecked,
    QuestionInspected,
    QuestionReformulated,
)
from retrieval.values.verdicts import Verdict


def describe_permitted(permitted: PermittedChunks) -> dict[str, Any]:
    """Every chunk considered, with rank and score, allowed or denied."""
    allowed = [
        {
            "rank": chunk.rank,
            "chunk": chunk.chunk_id,
            "document": str(chunk.document_id),
            "score": round(chunk.score, 6),
            "allowed": True,
        }
        for chunk in permitted.chunks
    ]
    denied = [
        {
            "rank": chunk.rank,
            "chunk": chunk.chunk_id,
            "document": str(chunk.document_id),
            "score": round(chunk.score, 6),
            "allowed": False,
            "reason": chunk.reason,
        }
        for chunk in permitted.denied
    ]
    return {"chunks": sorted(allowed + denied, key=lambda entry: entry["rank"])}


def describe_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "action": verdict.action.value,
        "detector": verdict.detector,
        "findings": [
            {"rule": f.rule, "action": f.action.value, "count": f.count, "score": round(f.score, 4)}
            for f in verdict.findings
        ],
    }


def describe_event(event: Event) -> dict[str, Any]:
    """What the closing entry says of one step; {} for steps that have entries of their own."""
    match event:
        case QuestionInspected(verdict=verdict):
            return {"input": describe_verdict(verdict)}
        case AnswerInspected(verdict=verdict):
            return {"output": describe_verdict(verdict)}
        case ExactCacheChecked(hit=hit):
            return {"exact_cache_hit": hit}
        case EvidenceCacheChecked(hit=hit):
            return {"evidence_cache_hit": hit}
        case QuestionReformulated(changed=changed, expansions=expansions):
            return {"reformulated": changed, "expansions": len(expansions)}
        case ChunksRetrieved(plan=plan, count=count):
            return {
                "search": {
                    "path": plan.path,
                    "reason": plan.reason,
                    "readable_chunks": plan.readable_chunks,
                    "escalated": plan.escalated,
                    "found": count,
                }
            }
        case _:
            return {}


def describe_ending(ending: Ending) -> dict[str, Any]:
    details: dict[str, Any] = {"stages_ms": ending.stages_ms, "total_ms": ending.total_ms}
    for event in ending.events:
        details |= describe_event(event)
    match ending.outcome:
        case Answered() as answered:
            details |= {
                "source": answered.source.value,
                "model": answered.usage.model,
                "input_tokens": answered.usage.input_tokens,
                "output_tokens": answered.usage.output_tokens,
                "documents": [str(document_id) for document_id in answered.document_ids],
                "cited": [citation.chunk_id for citation in answered.citations],
            }
        case Refused(rule=rule) | Withheld(rule=rule):
            details["rule"] = rule
    if ending.error:
        details["error"] = ending.error
    return details
