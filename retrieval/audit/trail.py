"""The audit trail of questions: an opening entry, what was read, and a closing entry, each durable."""

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from accounts.database import in_database, managing
from compliance.audit.append import append
from retrieval.audit.describe import describe_ending, describe_permitted
from retrieval.errors import AuditUnavailable
from retrieval.interfaces import Ending
from retrieval.models import Query
from retrieval.values.answers import Answered, Refused, Withheld
from retrieval.values.events import ChunksPermitted, QuestionInspected
from retrieval.values.questions import Question


class DatabaseAuditTrail:
    """Implements `AuditTrail` on django-auditlog's table. Whatever fails here ends the question."""

    async def open(self, question: Question) -> None:
        await self._write(append_event, question, "query.opened", "", describe_opening(question))

    async def retrieved(self, question: Question, event: ChunksPermitted) -> None:
        await self._write(
            append_event, question, "retrieval.completed", "", describe_permitted(event.permitted)
        )
        for denied in event.permitted.denied:
            details = {"document": str(denied.document_id), "chunk": denied.chunk_id, "reason": denied.reason}
            await self._write(
                append_event, question, "security.permission_disagreement", denied.reason, details
            )

    async def close(self, question: Question, ending: Ending) -> None:
        await self._write(close_record, question, ending)

    async def _write(self, function: Any, *args: Any) -> None:
        try:
            await in_database(function, *args)
        except DatabaseError as error:
            raise AuditUnavailable("The audit trail cannot be written, so nothing is answered.") from error


def append_event(
    question: Question, event: str, outcome: str, details: dict[str, Any], durable: bool = True
) -> None:
    append(
        tenant_id=question.scope.tenant_id,
        event=event,
        outcome=outcome,
        request_id=question.request_id,
        actor_id=question.scope.user_id,
        object_pk=str(question.request_id),
        details=details,
        durable=durable,
    )


def describe_opening(question: Question) -> dict[str, Any]:
    return {
        "surface": question.surface,
        "question_hmac": question_hmac(question),
        "question_chars": len(question.text),
        "groups": sorted(question.scope.group_ids),
        "ceiling": int(question.scope.ceiling),
        "conversation": str(question.conversation_id) if question.conversation_id else None,
    }


def question_hmac(question: Question) -> str:
    """HMAC-SHA-256 of the question under the tenant's key: equal questions can be matched, not read."""
    key = f"{settings.RAGSITE_TENANT_KEY}|{question.scope.tenant_id}".encode()
    return hmac.new(key, question.text.encode(), hashlib.sha256).hexdigest()


def close_record(question: Question, ending: Ending) -> None:
    """The closing entry and the record that people read, in one transaction."""
    with managing(question.scope.tenant_id, durable=True):
        append_event(question, "query.closed", ending.name, describe_ending(ending), durable=False)
        Query.objects.create(**record_of(question, ending))


def record_of(question: Question, ending: Ending) -> dict[str, Any]:
    """The fields of the Query row; the question only as the input guardrail let it through."""
    safe_text = next((e.text for e in ending.events if isinstance(e, QuestionInspected)), "")
    fields: dict[str, Any] = {
        "id": question.request_id,
        "tenant_id": question.scope.tenant_id,
        "user_id": question.scope.user_id,
        "conversation_id": question.conversation_id,
        "question": safe_text,
        "outcome": ending.name,
        "surface": question.surface,
        "stages_ms": ending.stages_ms,
        "total_ms": ending.total_ms,
    }
    match ending.outcome:
        case Answered() as answered:
            fields |= {
                "answer": answered.text,
                "citations": [cite(citation) for citation in answered.citations],
                "document_ids": list(answered.document_ids),
                "source": answered.source.value,
                "model": answered.usage.model,
                "input_tokens": answered.usage.input_tokens,
                "output_tokens": answered.usage.output_tokens,
            }
        case Refused(rule=rule) | Withheld(rule=rule):
            fields["rule"] = rule
    return fields


def cite(citation: Any) -> dict[str, Any]:
    """A citation as it is kept: where it points, without the words there."""
    return {
        "number": citation.number,
        "document": str(citation.document_id),
        "ordinal": citation.ordinal,
        "title": citation.title,
        "heading": citation.heading,
        "page": citation.page,
    }
