"""Answers to and from the columns of a cached row."""

from typing import Any
from uuid import UUID

from retrieval.values.answers import Answered, Citation, Source, Usage
from retrieval.values.verdicts import Action, Finding, Verdict


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "detector": verdict.detector,
        "findings": [[f.rule, f.action.value, f.count, f.score] for f in verdict.findings],
    }


def verdict_from_json(stored: dict[str, Any]) -> Verdict:
    findings = tuple(
        Finding(rule=rule, action=Action(action), count=count, score=score)
        for rule, action, count, score in stored["findings"]
    )
    return Verdict(findings=findings, detector=stored["detector"])


def citation_to_json(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "chunk_id": citation.chunk_id,
        "document_id": str(citation.document_id),
        "ordinal": citation.ordinal,
        "title": citation.title,
        "heading": citation.heading,
        "page": citation.page,
        "quote": citation.quote,
        "version": citation.version,
    }


def citation_from_json(stored: dict[str, Any]) -> Citation:
    return Citation(**{**stored, "document_id": UUID(stored["document_id"])})


def answered_from_row(
    source: Source,
    answer: str,
    citations: list[Any],
    verdict: dict[str, Any],
    model: str,
    documents: list[UUID],
) -> Answered:
    """The cached answer as if it had just been given; nothing was spent on it this time."""
    return Answered(
        text=answer,
        citations=tuple(citation_from_json(citation) for citation in citations),
        source=source,
        verdict=verdict_from_json(verdict),
        usage=Usage(model=model),
        document_ids=tuple(documents),
    )
