"""A document's versions: for readers the whole ones they may cite, for who may change it all of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing, reading
from accounts.scope import AccessScope
from retrieval.access.rights import may
from retrieval.access.values import Permission
from retrieval.api.caller import Caller, identify
from retrieval.api.documents import require_looking
from retrieval.api.targets import find_document
from retrieval.models import Document, DocumentVersion
from retrieval.models.permitted import permitted_among


class WholeVersionSerializer(serializers.Serializer[Any]):
    """A version as its readers know it."""

    number = serializers.IntegerField()
    indexed_at = serializers.DateTimeField()
    current = serializers.BooleanField(help_text="It is the one that questions are answered from.")


class VersionSerializer(WholeVersionSerializer):
    """A version as those know it who may change the document; readers get the first three fields."""

    indexed_at = serializers.DateTimeField(allow_null=True)
    state = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    media_type = serializers.CharField(required=False)
    size_bytes = serializers.IntegerField(required=False)
    content_sha256 = serializers.CharField(required=False)
    chunk_count = serializers.IntegerField(required=False)
    created_at = serializers.DateTimeField(required=False)
    created_by = serializers.CharField(
        read_only=True, required=False, allow_null=True, help_text="Who brought it in."
    )


class VersionPage(serializers.Serializer[Any]):
    results = VersionSerializer(many=True)


class VersionsView(APIView):
    """`GET /api/v1/documents/{id}/versions`"""

    @extend_schema(operation_id="documents_versions_list", responses=VersionPage)
    def get(self, request: Request, document_id: UUID) -> Response:
        """The document's versions, newest first; its reader sees the whole ones, by number and date."""
        caller = identify(request)
        require_looking(caller)
        found = versions_for_editor(caller, document_id)
        if found is None:
            found = versions_for_reader(caller.scope, document_id)
        return Response({"results": found})


def versions_for_editor(caller: Caller, document_id: UUID) -> list[dict[str, Any]] | None:
    """None where she may not change it."""
    with managing(caller.scope.tenant_id):
        document = find_document(caller, document_id)
        if document is None or not may(caller, Permission.CHANGE, document):
            return None
        versions = DocumentVersion.objects.filter(document=document).select_related("ingestion", "created_by")
        return [described(version, document) for version in versions]


def versions_for_reader(scope: AccessScope, document_id: UUID) -> list[dict[str, Any]]:
    """Raises Http404 alike for what is absent, foreign, or not hers to read."""
    with reading(scope):
        document = Document.objects.readable_by(scope).filter(pk=document_id).first()
        if document is None or not permitted_among(scope, [document.pk]):
            raise Http404
        return [WholeVersionSerializer(known(version, document)).data for version in whole_versions(document)]


def whole_versions(document: Document) -> Sequence[DocumentVersion]:
    """Those that can be opened and cited, newest first. Call inside `reading(scope)` or `managing`."""
    return list(DocumentVersion.objects.filter(document=document).exclude(indexed_at=None))


def known(version: DocumentVersion, document: Document) -> dict[str, Any]:
    return {
        "number": version.number,
        "indexed_at": version.indexed_at,
        "current": version.pk == document.version_id,
    }


def described(version: DocumentVersion, document: Document) -> dict[str, Any]:
    by = version.created_by
    everything = known(version, document) | {
        "state": version.ingestion.state,
        "reason": version.ingestion.reason,
        "media_type": version.media_type,
        "size_bytes": version.size_bytes,
        "content_sha256": version.content_sha256,
        "chunk_count": version.chunk_count,
        "created_at": version.created_at,
        "created_by": (by.name or by.email) if by else None,
    }
    return dict(VersionSerializer(everything).data)
