"""`POST /api/v1/queries`: ask. JSON by default, server-sent events for clients that accept them."""

import json
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, ParseError

from accounts.database import in_database, reading
from accounts.roles import Right
from accounts.scope import AccessScope
from retrieval.api.caller import identify
from retrieval.api.conversations import past_exchanges
from retrieval.api.errors import describe
from retrieval.api.streaming import EventStream, frames_of
from retrieval.api.wire import outcome_json
from retrieval.assembly import components
from retrieval.flow.ask import ask
from retrieval.values.questions import Exchange, Question

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 64 * 1024
HISTORY_MAX = 6  # earlier exchanges that a follow-up may refer to
COLLECTIONS_MAX = 50


class QuestionSerializer(serializers.Serializer[Any]):
    """What a client may send. Tenant and asker are never among it."""

    question = serializers.CharField(max_length=20_000, trim_whitespace=True)
    conversation = serializers.UUIDField(required=False, allow_null=True)
    collections = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=COLLECTIONS_MAX, default=list
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request understood: the question, and whether its client reads events."""

    question: Question
    streams: bool


# The session's CSRF token is checked in `identify`; a key needs none, and the two share this view.
@csrf_exempt
async def ask_view(request: HttpRequest) -> HttpResponseBase:
    """Answer one question for the caller; the connection is let go before the first word."""
    try:
        if request.method != "POST":
            raise MethodNotAllowed(request.method or "")
        asking = await in_database(understand, request)
        if asking.streams:
            return EventStream(frames_of(asking.question, components()))
        outcome = await ask(asking.question, components())
    except Exception as error:
        return error_response(error, request)
    return JsonResponse(outcome_json(asking.question.request_id, outcome))


def understand(request: HttpRequest) -> Asking:
    """Identify the caller and read the body: all the database work before the flow, in one go."""
    caller = identify(request)
    caller.require(Right.ASK)
    checked = QuestionSerializer(data=read_body(request))
    checked.is_valid(raise_exception=True)
    asked = checked.validated_data
    conversation_id = asked.get("conversation")
    question = Question(
        text=asked["question"],
        scope=caller.scope,
        history=history_of(caller.scope, conversation_id) if conversation_id else (),
        collection_ids=frozenset(asked["collections"]),
        conversation_id=conversation_id,
        credential=caller.credential,
        surface=caller.surface,
        request_id=request.request_id,  # type: ignore[attr-defined]  # set by the middleware
    )
    return Asking(question=question, streams="text/event-stream" in request.headers.get("Accept", ""))


def read_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object a client sent. Raises ParseError with one sentence."""
    if int(request.headers.get("Content-Length") or 0) > BODY_BYTES_MAX:
        raise ParseError(f"The body may have at most {BODY_BYTES_MAX // 1024} KB.")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError, RawPostDataException):
        raise ParseError("The body must be a JSON object.") from None
    if not isinstance(body, dict):
        raise ParseError("The body must be a JSON object.")
    return body


def history_of(scope: AccessScope, conversation_id: UUID) -> tuple[Exchange, ...]:
    """The last answered exchanges of the caller's own conversation. Raises Http404 for any other.

    An answer made from what she may not read any more is no part of it.
    """
    with reading(scope):
        answered = [past for past in past_exchanges(scope, conversation_id) if past.state == "answered"]
    return tuple(Exchange(question=past.question, answer=past.text) for past in answered[-HISTORY_MAX:])


def error_response(error: Exception, request: HttpRequest) -> HttpResponse:
    status, code, detail = describe(error)
    if status == 500:
        log.error("query.failed", exc_info=error)
    body = {"code": code, "detail": detail, "request_id": str(getattr(request, "request_id", ""))}
    response = JsonResponse(body, status=status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
