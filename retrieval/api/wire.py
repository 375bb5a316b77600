"""What clients see: outcomes and events as JSON, and events as a `text/event-stream`."""

import json
from typing import Any
from uuid import UUID

from retrieval.values.answers import Answered, Citation, NothingFound, Outcome, Refused, Withheld
from retrieval.values.events import (
    AnswerInspected,
    AnswerStored,
    ChunksPermitted,
    ChunksRetrieved,
    Event,
    EvidenceCacheChecked,
    ExactCacheChecked,
    QuestionInspected,
    QuestionReformulated,
    SourcesNamed,
    TextReleased,
)

NOTHING_FOUND = "I found nothing about this in the documents you may read."
REFUSED = "This question was not let in, because of the rule '{rule}'."
WITHHELD = "The answer was withheld, because of the rule '{rule}'."


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "document_id": str(citation.document_id),
        "ordinal": citation.ordinal,
        "title": citation.title,
        "heading": citation.heading,
        "page": citation.page,
        "quote": citation.quote,
        "version": citation.version,
        "url": citation_url(citation),
    }


def citation_url(citation: Citation) -> str:
    """Where the cited passage is shown: in the version that was cited, also after a newer one came."""
    version = f"?version={citation.version}" if citation.version else ""
    return f"/documents/{citation.document_id}{version}#passage-{citation.ordinal}"


def outcome_json(request_id: UUID, outcome: Outcome) -> dict[str, Any]:
    """The body of an answer; `text` is always there to be shown to a person."""
    body: dict[str, Any] = {"id": str(request_id), "citations": [], "rule": None}
    match outcome:
        case Answered(text=text, citations=citations):
            cited = [citation_json(citation) for citation in citations]
            return body | {"outcome": "answered", "text": text, "citations": cited}
        case Refused(rule=rule):
            return body | {"outcome": "refused", "text": REFUSED.format(rule=rule), "rule": rule}
        case NothingFound():
            return body | {"outcome": "nothing_found", "text": NOTHING_FOUND}
        case Withheld(rule=rule):
            return body | {"outcome": "withheld", "text": WITHHELD.format(rule=rule), "rule": rule}


def event_json(event: Event) -> tuple[str, dict[str, Any]]:
    """(name, payload) of one event. Counts are of what the asker may read; nothing denied shows."""
    seen: dict[str, Any]
    match event:
        case TextReleased(text=text):
            return "delta", {"text": text}
        case SourcesNamed(citations=citations):
            return "sources", {"citations": [citation_json(citation) for citation in citations]}
        case QuestionInspected(verdict=verdict, text=text):
            seen = {"verdict": verdict.action.value, "rule": verdict.rule or None, "question": text}
        case ExactCacheChecked() | EvidenceCacheChecked():
            # A hit would tell that somebody with the same rights asked this before.
            seen = {}
        case QuestionReformulated(changed=changed, expansions=expansions):
            seen = {"changed": changed, "expansions": list(expansions)}
        case ChunksRetrieved(plan=plan, count=count):
            seen = {"path": plan.path, "found": count}
        case ChunksPermitted(permitted=permitted):
            seen = {"permitted": len(permitted.chunks)}
        case AnswerInspected(verdict=verdict, usage=usage):
            seen = {
                "verdict": verdict.action.value,
                "rule": verdict.rule or None,
                "model": usage.model,
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
            }
        case AnswerStored():
            seen = {}
    return "stage", {"name": event.stage, **seen}


def frame(name: str, payload: dict[str, Any], number: int) -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2)."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()
