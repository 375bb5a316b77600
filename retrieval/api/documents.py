"""Documents and collections over REST: list, upload, look at, take away."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing, reading
from accounts.roles import Right
from accounts.scope import Sensitivity
from compliance.audit.append import append
from retrieval.api.caller import Caller, identify
from retrieval.assembly import chunk_index
from retrieval.ingestion.erase import erase_document
from retrieval.ingestion.receive import Upload, receive
from retrieval.models import Collection, Document
from retrieval.tasks import dispatch_ingestion

PAGE_MAX = 100
LEVELS = [level.name.lower() for level in Sensitivity]


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    class Meta:
        model = Collection
        fields = ["id", "name", "description"]
        read_only_fields = fields


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """What is known of a document, never what it says."""

    sensitivity = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = [
            "id", "collection", "title", "source_name", "media_type", "size_bytes", "sensitivity", "status",
            "status_reason", "searchable", "chunk_count", "created_at", "indexed_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_sensitivity(self, document: Document) -> str:
        return Sensitivity(document.sensitivity).name.lower()


class UploadSerializer(serializers.Serializer[Any]):
    """An upload. Ids, tenant and owner are not among what a client may choose."""

    file = serializers.FileField(allow_empty_file=True)
    collection = serializers.UUIDField()
    title = serializers.CharField(max_length=300, required=False, default="")
    sensitivity = serializers.ChoiceField(choices=LEVELS, required=False)


class PageSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=PAGE_MAX, default=50)
    offset = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class DocumentPage(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = DocumentSerializer(many=True)


class CollectionsView(APIView):
    """`GET /api/v1/collections`"""

    @extend_schema(responses=CollectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The collections that hold something the caller may read; editors see all of the tenant's."""
        caller = identify(request)
        with reading(caller.scope):
            collections = Collection.objects.filter(tenant_id=caller.scope.tenant_id)
            if not caller.may(Right.EDIT_DOCUMENTS):
                readable = Document.objects.readable_by(caller.scope)
                collections = collections.filter(pk__in=readable.values("collection_id"))
            return Response(CollectionSerializer(collections, many=True).data)


class DocumentsView(APIView):
    """`GET` and `POST /api/v1/documents`"""

    parser_classes = [MultiPartParser]

    @extend_schema(
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("offset", int)], responses=DocumentPage
    )
    def get(self, request: Request) -> Response:
        """The documents the caller may read, newest first; editors see every one of the tenant's."""
        caller = identify(request)
        page = PageSerializer(data=request.query_params)
        page.is_valid(raise_exception=True)
        limit, offset = page.validated_data["limit"], page.validated_data["offset"]
        with scoped(caller):
            documents = visible(caller)
            rows = documents[offset : offset + limit]
            return Response({"count": documents.count(), "results": DocumentSerializer(rows, many=True).data})

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={202: DocumentSerializer})
    def post(self, request: Request) -> Response:
        """Take a file in. 202: it waits for a worker; 200: the same bytes are there already."""
        caller = identify(request)
        caller.require(Right.EDIT_DOCUMENTS)
        checked = UploadSerializer(data=request.data)
        checked.is_valid(raise_exception=True)
        sent = checked.validated_data
        with managing(caller.scope.tenant_id):
            collection = Collection.objects.filter(
                tenant_id=caller.scope.tenant_id, pk=sent["collection"]
            ).first()
        if collection is None:
            raise Http404
        upload = Upload(
            name=sent["file"].name,
            content=sent["file"],
            title=sent["title"],
            sensitivity=Sensitivity[sent["sensitivity"].upper()] if "sensitivity" in sent else None,
            created_by_id=caller.scope.user_id,
        )
        received = receive(collection, upload, dispatch_ingestion, settings.RAGSITE_UPLOAD_BYTES_MAX)
        code = status.HTTP_200_OK if received.unchanged else status.HTTP_202_ACCEPTED
        return Response(DocumentSerializer(received.document).data, status=code)


class DocumentView(APIView):
    """`GET` and `DELETE /api/v1/documents/{id}`"""

    @extend_schema(responses=DocumentSerializer)
    def get(self, request: Request, document_id: UUID) -> Response:
        """How far a document is. One that the caller may not see is as absent as one that never was."""
        caller = identify(request)
        with scoped(caller):
            document = visible(caller).filter(pk=document_id).first()
            if document is None:
                raise Http404
            return Response(DocumentSerializer(document).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, document_id: UUID) -> Response:
        """Take a document away, with its chunks and every cached answer that rests on it."""
        caller = identify(request)
        caller.require(Right.EDIT_DOCUMENTS)
        with managing(caller.scope.tenant_id):
            document = Document.objects.filter(tenant_id=caller.scope.tenant_id, pk=document_id).first()
            if document is None:
                raise Http404
            erase_document(document, chunk_index())
            append(
                tenant_id=caller.scope.tenant_id,
                event="document.removed",
                request_id=getattr(request._request, "request_id", ""),
                actor_id=caller.scope.user_id,
                object_pk=str(document_id),
                durable=False,
            )
        return Response(status=status.HTTP_204_NO_CONTENT)


def scoped(caller: Caller) -> Any:
    """The transaction in which a caller looks at documents: as editor of the tenant, or as reader."""
    if caller.may(Right.EDIT_DOCUMENTS):
        return managing(caller.scope.tenant_id)
    return reading(caller.scope)


def visible(caller: Caller) -> Any:
    """The documents whose metadata the caller may see, newest first."""
    if caller.may(Right.EDIT_DOCUMENTS):
        return Document.objects.filter(tenant_id=caller.scope.tenant_id).order_by("-created_at", "pk")
    return Document.objects.readable_by(caller.scope).order_by("-created_at", "pk")
