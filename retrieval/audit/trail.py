"""The audit trail of questions: an opening entry, what was read, and a closing entry, each durable."""

import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from accounts.database import in_database, write_for_tenant
from compliance.audit.append import INSERT, append, entry_row
from retrieval.audit.describe import describe_ending, describe_permitted
from retrieval.errors import AuditUnavailable
from retrieval.interfaces import Ending
from retrieval.values.answers import Answered, Citation, Refused, Withheld
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


def append_event(question: Question, event: str, outcome: str, details: dict[str, Any]) -> None:
    append(**entry_of(question, event, outcome, details))


def entry_of(question: Question, event: str, outcome: str, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "tenant_id": question.scope.tenant_id,
        "event": event,
        "outcome": outcome,
        "request_id": question.request_id,
        "actor_id": question.scope.user_id,
        "object_pk": str(question.request_id),
        "details": details,
    }


def describe_opening(question: Question) -> dict[str, Any]:
    emergency = question.scope.break_glass_id
    return ({"break_glass": emergency} if emergency is not None else {}) | {
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


# One round trip: the closing entry and the record that people read are committed together.
RECORD = """
insert into retrieval_query
       (id, tenant_id, user_id, conversation_id, question, answer, citations, document_ids, outcome, rule, source,
        surface, model, input_tokens, output_tokens, stages_ms, total_ms, created_at)
values (%(record_id)s, %(record_tenant)s, %(user)s, %(conversation)s, %(question)s, %(answer)s, %(citations)s::jsonb,
        %(documents)s::uuid[], %(record_outcome)s, %(rule)s, %(source)s, %(surface)s, %(model)s, %(input_tokens)s,
        %(output_tokens)s, %(stages_ms)s::jsonb, %(total_ms)s, now())"""


def close_record(question: Question, ending: Ending) -> None:
    """Append the closing entry and keep the record, both or neither."""
    entry = entry_row(**entry_of(question, "query.closed", ending.name, describe_ending(ending)))
    write_for_tenant(question.scope.tenant_id, INSERT + RECORD, entry | record_of(question, ending))


def record_of(question: Question, ending: Ending) -> dict[str, Any]:
    """The columns of the record; the question only as the input guardrail let it through."""
    answered = ending.outcome if isinstance(ending.outcome, Answered) else None
    rule = ending.outcome.rule if isinstance(ending.outcome, Refused | Withheld) else ""
    citations = [cite(citation) for citation in answered.citations] if answered else []
    return {
        "record_id": question.request_id,
        "record_tenant": question.scope.tenant_id,
        "user": question.scope.user_id,
        "conversation": question.conversation_id,
        "question": next((e.text for e in ending.events if isinstance(e, QuestionInspected)), ""),
        "record_outcome": ending.name,
        "rule": rule,
        "surface": question.surface,
        "stages_ms": json.dumps(ending.stages_ms),
        "total_ms": ending.total_ms,
        "answer": answered.text if answered else "",
        "citations": json.dumps(citations),
        "documents": list(answered.document_ids) if answered else [],
        "source": answered.source.value if answered else "",
        "model": answered.usage.model if answered else "",
        "input_tokens": answered.usage.input_tokens if answered else 0,
        "output_tokens": answered.usage.output_tokens if answered else 0,
    }


def cite(citation: Citation) -> dict[str, Any]:
    """A citation as it is kept: where it points, without the words there."""
    return {
        "number": citation.number,
        "document": str(citation.document_id),
        "ordinal": citation.ordinal,
        "title": citation.title,
        "heading": citation.heading,
        "page": citation.page,
    }
