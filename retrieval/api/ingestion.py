"""How far documents are, those that stopped with their reasons, and another try, for who may change them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing
from accounts.roles import Right
from compliance.audit.append import append
from compliance.audit.context import current
from retrieval.access.rights import may, may_among
from retrieval.access.values import Permission
from retrieval.api.caller import Caller, identify
from retrieval.api.documents import require_looking
from retrieval.api.shown import (
    BatchSerializer,
    DocumentSerializer,
    ProgressSerializer,
    progress_json,
    shown,
    shown_one,
)
from retrieval.api.strict import StrictSerializer, checked
from retrieval.api.targets import allowed, changing, find_document
from retrieval.ingestion.progress import BatchProgress, batches_among, progress_of
from retrieval.ingestion.receive import DEAD, try_again
from retrieval.models import Document, Ingestion
from retrieval.tasks import dispatch_ingestion

PAGE_MAX = 100
RETRIED_MAX = 100  # of one request
DEAD_STATUSES = tuple(state.value for state in DEAD)


class FailedQuery(StrictSerializer):
    limit = serializers.IntegerField(min_value=1, max_value=PAGE_MAX, default=50)
    offset = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)
    collection = serializers.UUIDField(required=False)


class FailedPage(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = DocumentSerializer(many=True)


class RetrySerializer(StrictSerializer):
    documents = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=RETRIED_MAX
    )


class RetriedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    outcome = serializers.ChoiceField(choices=["retried", "not_failed", "not_found"])


class RetriedPage(serializers.Serializer[Any]):
    results = RetriedSerializer(many=True)


class IngestionView(APIView):
    """`GET /api/v1/documents/{id}/ingestion`"""

    @extend_schema(responses=ProgressSerializer)
    def get(self, request: Request, document_id: UUID) -> Response:
        """How far the document's newest version is, for who may change the document."""
        caller = identify(request)
        with managing(caller.scope.tenant_id):
            document = allowed(caller, Permission.CHANGE, find_document(caller, document_id))
            progress = progress_of(document)
        if progress is None:
            raise Http404
        return Response(progress_json(progress))


class BatchView(APIView):
    """`GET /api/v1/ingestion/batches/{batch}`"""

    @extend_schema(responses=BatchSerializer)
    def get(self, request: Request, batch_id: UUID) -> Response:
        """How far the files are that were sent together; of those the caller may change."""
        caller = identify(request)
        with managing(caller.scope.tenant_id):
            batch = batch_for(caller, batch_id)
        if batch is not None:
            return Response(progress_json(batch))
        if caller.may(Right.EDIT_DOCUMENTS):
            raise Http404
        raise PermissionDenied


class FailedView(APIView):
    """`GET /api/v1/ingestion/failed`"""

    @extend_schema(operation_id="ingestion_failed_list", parameters=[FailedQuery], responses=FailedPage)
    def get(self, request: Request) -> Response:
        """What failed or was quarantined, newest first, of what the caller may change."""
        caller = identify(request)
        require_looking(caller)
        asked = checked(FailedQuery, request.query_params.dict())
        with managing(caller.scope.tenant_id):
            dead = dead_letters(caller)
            if "collection" in asked:
                dead = dead.filter(collection_id=asked["collection"])
            page = list(dead[asked["offset"] : asked["offset"] + asked["limit"]])
            return Response({"count": dead.count(), "results": shown(caller, page)})


class RetryView(APIView):
    """`POST /api/v1/documents/{id}/retry`"""

    @extend_schema(request=None, responses={202: DocumentSerializer, 200: DocumentSerializer})
    def post(self, request: Request, document_id: UUID) -> Response:
        """Try again what failed or was quarantined. 202: it waits for a worker; 200: it had not stopped."""
        caller = identify(request)
        with changing(caller):
            document = allowed(caller, Permission.CHANGE, find_document(caller, document_id))
            put = retry(caller, document)
            document.refresh_from_db()
            code = status.HTTP_202_ACCEPTED if put else status.HTTP_200_OK
            return Response(shown_one(caller, document), status=code)


class RetryManyView(APIView):
    """`POST /api/v1/ingestion/failed/retry`"""

    @extend_schema(request=RetrySerializer, responses=RetriedPage)
    def post(self, request: Request) -> Response:
        """Try several again, each judged on its own; one that is not hers is as absent as one that never was."""
        caller = identify(request)
        require_looking(caller)
        ids = dict.fromkeys(checked(RetrySerializer, request.data)["documents"])
        results = [{"id": document_id, "outcome": retry_by_id(caller, document_id)} for document_id in ids]
        return Response({"results": results})


def batch_for(caller: Caller, batch_id: UUID) -> BatchProgress | None:
    """The batch as far as its documents are the caller's to change. Call inside `managing`."""
    tenant_id = caller.scope.tenant_id
    if caller.may(Right.EDIT_DOCUMENTS):
        return batches_among(tenant_id, [batch_id]).get(batch_id)
    sent = Ingestion.objects.filter(tenant_id=tenant_id, batch=batch_id)
    hers = may_among(caller, Permission.CHANGE, set(sent.values_list("document_id", flat=True)))
    return batches_among(tenant_id, [batch_id], hers).get(batch_id)


def dead_letters(caller: Caller) -> QuerySet[Document]:
    """What stopped with a reason and is the caller's to change, newest first. Call inside `managing`."""
    dead = Document.objects.filter(tenant_id=caller.scope.tenant_id, status__in=DEAD_STATUSES)
    if not caller.may(Right.EDIT_DOCUMENTS):
        hers = may_among(caller, Permission.CHANGE, set(dead.values_list("pk", flat=True)))
        dead = dead.filter(pk__in=hers)
    return dead.select_related("collection").order_by("-status_at", "pk")


def retry_by_id(caller: Caller, document_id: UUID) -> str:
    """retried, not_failed or not_found."""
    with changing(caller):
        document = find_document(caller, document_id)
        if document is None or not may(caller, Permission.CHANGE, document):
            return "not_found"
        return "retried" if retry(caller, document) else "not_failed"


def retry(caller: Caller, document: Document) -> bool:
    """Have a document tried again, on record; False where it has not stopped. Call inside `changing`."""
    put = try_again(document, dispatch_ingestion, DEAD)
    if put:
        append(
            tenant_id=document.tenant_id,
            event="document.retried",
            request_id=current().request_id,
            actor_id=caller.scope.user_id,
            object_pk=str(document.pk),
            durable=False,
        )
    return put
