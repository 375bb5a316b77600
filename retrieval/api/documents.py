"""Documents and collections over REST: list, upload, look at, take away."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing, reading
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from compliance.audit.append import append
from retrieval.access.changes import NO_MOVE, DocumentChange, change_document
from retrieval.access.rights import may
from retrieval.access.values import Permission
from retrieval.api.caller import Caller, identify
from retrieval.api.shown import DocumentSerializer, shown, shown_one
from retrieval.api.strict import StrictSerializer
from retrieval.api.taking_in import FILES_MAX, Sending, take_in, take_in_all
from retrieval.api.targets import allowed, changing, find_collection, find_document
from retrieval.assembly import chunk_index
from retrieval.errors import ChangeRefused
from retrieval.ingestion.erase import erase_document
from retrieval.models import Collection, Document
from retrieval.models.permitted import permitted_among
from retrieval.tasks import dispatch_ingestion

PAGE_MAX = 100
LEVELS = [level.name.lower() for level in Sensitivity]


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    class Meta:
        model = Collection
        fields = ["id", "name", "description"]
        read_only_fields = fields


class UploadSerializer(serializers.Serializer[Any]):
    """An upload; `file` may come several times. Ids, tenant and owner are not among what a client may choose."""

    file = serializers.FileField(allow_empty_file=True)
    collection = serializers.UUIDField()
    title = serializers.CharField(max_length=300, required=False, default="")
    sensitivity = serializers.ChoiceField(choices=LEVELS, required=False)


class TakenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["received", "unchanged", "refused"])
    reason = serializers.CharField()
    document = DocumentSerializer(allow_null=True)


class SeveralTakenSerializer(serializers.Serializer[Any]):
    """What became of each of several files, and the batch under which they are followed."""

    batch = serializers.UUIDField()
    results = TakenSerializer(many=True)


UPLOADED = PolymorphicProxySerializer(
    component_name="Uploaded",
    serializers=[DocumentSerializer, SeveralTakenSerializer],
    resource_type_field_name=None,
)


class DocumentChangeSerializer(StrictSerializer):
    """What may be changed of a document. Who made it and whose it is are not among it."""

    title = serializers.CharField(max_length=300, required=False)
    sensitivity = serializers.ChoiceField(choices=LEVELS, required=False)
    collection = serializers.UUIDField(required=False)
    inherits_grants = serializers.BooleanField(required=False)


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
        require_looking(caller)
        with reading(caller.scope):
            collections = Collection.objects.filter(tenant_id=caller.scope.tenant_id)
            if not caller.may(Right.EDIT_DOCUMENTS):
                collections = holding_readable(caller.scope, collections)
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
        require_looking(caller)
        page = PageSerializer(data=request.query_params)
        page.is_valid(raise_exception=True)
        limit, offset = page.validated_data["limit"], page.validated_data["offset"]
        with scoped(caller):
            documents = visible(caller)
            rows = list(documents[offset : offset + limit])
            found = permitted(caller, rows)
            # Of a query that went wrong the number counts nothing either.
            count = documents.count() if len(found) == len(rows) else len(found)
            return Response({"count": count, "results": shown(caller, found)})

    @extend_schema(
        request={"multipart/form-data": UploadSerializer}, responses={202: UPLOADED, 200: UPLOADED}
    )
    def post(self, request: Request) -> Response:
        """Take a file in, or several. 202: it waits for a worker; 200: the same bytes are there already.

        Of several files each is judged on its own, and one batch id says how far they all are.
        """
        caller = identify(request)
        checked = UploadSerializer(data=request.data)
        checked.is_valid(raise_exception=True)
        sent = checked.validated_data
        files = files_of(request, sent["title"])
        with managing(caller.scope.tenant_id):
            collection = allowed(caller, Permission.CHANGE, find_collection(caller, sent["collection"]))
        sending = Sending(
            caller=caller,
            collection=collection,
            dispatch=dispatch_ingestion,
            sensitivity=Sensitivity[sent["sensitivity"].upper()] if "sensitivity" in sent else None,
        )
        if len(files) > 1:
            return several_taken(sending, files)
        received = take_in(sending, files[0], sent["title"])
        code = status.HTTP_200_OK if received.unchanged else status.HTTP_202_ACCEPTED
        return Response(shown_one(caller, received.document), status=code)


class DocumentView(APIView):
    """`GET`, `PATCH` and `DELETE /api/v1/documents/{id}`"""

    @extend_schema(responses=DocumentSerializer)
    def get(self, request: Request, document_id: UUID) -> Response:
        """How far a document is. One that the caller may not see is as absent as one that never was."""
        caller = identify(request)
        require_looking(caller)
        with scoped(caller):
            found = permitted(caller, visible(caller).filter(pk=document_id))
        document = found[0] if found else in_hand(caller, document_id)
        if document is None:
            raise Http404
        return Response(shown_one(caller, document))

    @extend_schema(request=DocumentChangeSerializer, responses=DocumentSerializer)
    def patch(self, request: Request, document_id: UUID) -> Response:
        """Change a document's title, level, collection, or whose grants it takes."""
        caller = identify(request)
        checked = DocumentChangeSerializer(data=request.data)
        checked.is_valid(raise_exception=True)
        with changing(caller):
            document = allowed(caller, Permission.CHANGE, find_document(caller, document_id, lock=True))
            change_document(caller, document, change_of(caller, checked.validated_data))
            document.refresh_from_db()
        return Response(shown_one(caller, document))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, document_id: UUID) -> Response:
        """Take a document away, with its chunks and every cached answer that rests on it."""
        caller = identify(request)
        with changing(caller):
            document = allowed(caller, Permission.DELETE, find_document(caller, document_id))
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


def files_of(request: Request, title: str) -> list[UploadedFile]:
    """The files of an upload. Raises ValidationError where there are too many, or one title for several."""
    files = request._request.FILES.getlist("file")
    if len(files) > FILES_MAX:
        raise ValidationError(
            {"file": f"At most {FILES_MAX} files are taken at once; these are {len(files)}."}
        )
    if len(files) > 1 and title:
        raise ValidationError({"title": "One title cannot be that of several files. Leave it out."})
    return files


def several_taken(sending: Sending, files: list[UploadedFile]) -> Response:
    taken = list(take_in_all(sending, files))
    documents = [one.document for one in taken if one.document is not None]
    bodies = {body["id"]: body for body in shown(sending.caller, documents)}
    results = [
        {
            "name": one.name,
            "outcome": one.outcome,
            "reason": one.reason,
            "document": bodies[str(one.document.pk)] if one.document else None,
        }
        for one in taken
    ]
    received = any(one.outcome == "received" for one in taken)
    code = status.HTTP_202_ACCEPTED if received else status.HTTP_200_OK
    return Response({"batch": sending.batch, "results": results}, status=code)


def require_looking(caller: Caller) -> None:
    """Raises PermissionDenied for a key that is for neither asking nor editing, such as a directory's."""
    if caller.credential.key_id is not None and not caller.may(Right.EDIT_DOCUMENTS):
        caller.require(Right.ASK)


def holding_readable(scope: AccessScope, collections: QuerySet[Collection]) -> QuerySet[Collection]:
    """The collections with a readable document in them; one such document of each is held against the grants."""
    readable = Document.objects.readable_by(scope).filter(collection=OuterRef("pk")).order_by()
    witnesses = dict(
        collections.annotate(witness=Subquery(readable.values("pk")[:1])).values_list("pk", "witness")
    )
    permitted = permitted_among(scope, {pk for pk in witnesses.values() if pk is not None})
    return collections.filter(pk__in=[pk for pk, witness in witnesses.items() if witness in permitted])


def permitted(caller: Caller, found: Iterable[Document]) -> list[Document]:
    """Those of the documents found that the caller may see, held once more against the grants."""
    documents = list(found)
    if caller.may(Right.EDIT_DOCUMENTS):
        return documents
    granted = permitted_among(caller.scope, [document.pk for document in documents])
    return [document for document in documents if document.pk in granted]


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


def in_hand(caller: Caller, document_id: UUID) -> Document | None:
    """A document the caller may change, though it is not searchable: she sees how her upload fares."""
    with managing(caller.scope.tenant_id):
        document = find_document(caller, document_id)
        return document if document is not None and may(caller, Permission.CHANGE, document) else None


def change_of(caller: Caller, sent: dict[str, Any]) -> DocumentChange:
    """The change a body asks for. A collection that is absent is refused like one she may not change."""
    collection = find_collection(caller, sent["collection"]) if "collection" in sent else None
    if "collection" in sent and collection is None:
        if caller.may(Right.EDIT_DOCUMENTS):
            raise Http404
        raise ChangeRefused(NO_MOVE)
    return DocumentChange(
        title=sent.get("title"),
        sensitivity=Sensitivity[sent["sensitivity"].upper()] if "sensitivity" in sent else None,
        collection=collection,
        inherits_grants=sent.get("inherits_grants"),
    )
