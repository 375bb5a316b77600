"""Conversations: begun by a client, listed and reopened by the person they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import reading
from accounts.roles import Right
from accounts.scope import AccessScope
from retrieval.api.caller import identify
from retrieval.api.wire import NOTHING_FOUND, REFUSED, WITHHELD
from retrieval.api.words import STAGES, heading_within
from retrieval.models import Conversation, Document, Query
from retrieval.models.permitted import permitted_among

RECENT_MAX = 30
EXCHANGES_MAX = 50


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    class Meta:
        model = Conversation
        fields = ["id", "created_at"]
        read_only_fields = fields


class ConversationsView(APIView):
    """`POST /api/v1/conversations`: begin one, to be named in the questions that belong together."""

    @extend_schema(request=None, responses={201: ConversationSerializer})
    def post(self, request: Request) -> Response:
        caller = identify(request)
        caller.require(Right.ASK)
        with reading(caller.scope):
            begun = Conversation.objects.create(
                tenant_id=caller.scope.tenant_id, user_id=caller.scope.user_id
            )
        return Response(ConversationSerializer(begun).data, status=status.HTTP_201_CREATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSource:
    """Where a cited passage stands. Its words are not here: opening it is a read of its own."""

    number: int
    title: str
    heading: str
    page: int | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastExchange:
    """A question that was asked and what became of it, as a reopened conversation shows it."""

    question: str  # masked as the guardrail let it through; "" when it was refused
    state: str  # answered, refused, nothing_found, withheld, failed, stopped or revoked
    text: str
    sources: tuple[PastSource, ...]
    stages: tuple[tuple[str, float], ...]  # (words, milliseconds)
    total_ms: float


def recent_conversations(scope: AccessScope) -> list[Conversation]:
    """The person's latest conversations with `first_question` on each. Call inside `reading(scope)`."""
    questions = Query.objects.filter(conversation=OuterRef("pk")).exclude(question="").order_by("created_at")
    own = Conversation.objects.filter(tenant_id=scope.tenant_id, user_id=scope.user_id)
    named = own.annotate(first_question=Subquery(questions.values("question")[:1]))
    return list(named.filter(first_question__isnull=False).order_by("-created_at")[:RECENT_MAX])


def past_exchanges(scope: AccessScope, conversation_id: UUID) -> list[PastExchange]:
    """A conversation's exchanges, oldest first. Call inside `reading(scope)`.

    Raises Http404 unless it is the person's own. Answers made from what she may not read any more are
    left out, so that a revoked grant also closes old answers.
    """
    own = Conversation.objects.filter(pk=conversation_id, tenant_id=scope.tenant_id, user_id=scope.user_id)
    if not own.exists():
        raise Http404
    latest = Query.objects.filter(conversation_id=conversation_id).order_by("-created_at")[:EXCHANGES_MAX]
    queries = list(reversed(latest))
    used = {document_id for query in queries for document_id in query.document_ids}
    found = set(Document.objects.readable_by(scope).filter(pk__in=used).values_list("pk", flat=True))
    readable = permitted_among(scope, found)
    return [past_exchange(query, readable) for query in queries]


def past_exchange(query: Query, readable: set[UUID]) -> PastExchange:
    state, text = ending_of(query, readable)
    return PastExchange(
        question=query.question,
        state=state,
        text=text,
        sources=past_sources(query.citations) if state == "answered" else (),
        stages=tuple((STAGES.get(name, name), ms) for name, ms in query.stages_ms.items()),
        total_ms=query.total_ms,
    )


def ending_of(query: Query, readable: set[UUID]) -> tuple[str, str]:
    """(state, sentence or answer) of a question that was asked earlier."""
    match query.outcome:
        case "answered" | "cached":
            if readable.issuperset(query.document_ids):
                return "answered", query.answer
            return "revoked", "This answer was made from a document that you may not read any more."
        case "refused":
            return "refused", REFUSED.format(rule=query.rule)
        case "withheld":
            return "withheld", WITHHELD.format(rule=query.rule)
        case "nothing_found":
            return "nothing_found", NOTHING_FOUND
        case "revoked":
            return "revoked", "Your access changed while this was being answered."
        case "abandoned":
            return "stopped", "This question was stopped before it had an answer."
        case _:
            return "failed", "This question could not be answered."


def past_sources(citations: Sequence[dict[str, Any]]) -> tuple[PastSource, ...]:
    return tuple(
        PastSource(
            number=citation["number"],
            title=citation["title"],
            heading=heading_within(citation["heading"], citation["title"]),
            page=citation["page"],
            url=f"/documents/{citation['document']}#passage-{citation['ordinal']}",
        )
        for citation in citations
    )
