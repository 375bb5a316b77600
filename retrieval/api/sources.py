"""Sources over REST: list, make, change, run, try, agree to a removal, end."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.api.caller import Caller, identify
from retrieval.api.documents import LEVELS
from retrieval.api.strict import StrictSerializer, checked
from retrieval.api.targets import changing, find_collection
from retrieval.models import Source
from retrieval.models.sources import SCHEDULE_MINUTES, SCHEDULE_MINUTES_MAX
from retrieval.sources.changes import (
    RIGHTS,
    SourceDraft,
    change_source,
    confirm_removal,
    end_source,
    find_source,
    make_source,
    request_run,
    try_source,
)

SOURCES_MAX = 500


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source and how its last run went. Its secret is never shown, only whether there is one."""

    sensitivity = serializers.SerializerMethodField()
    has_secret = serializers.SerializerMethodField()
    running = serializers.BooleanField(read_only=True)

    class Meta:
        model = Source
        fields = [
            "id", "name", "kind", "collection", "configuration", "has_secret", "sensitivity", "schedule_minutes",
            "enabled", "removing", "running", "last_started", "last_ended", "last_outcome", "last_problem", "counts",
            "removals_asked", "runs",
        ]  # fmt: skip
        read_only_fields = fields

    def get_sensitivity(self, source: Source) -> str:
        return Sensitivity(source.sensitivity).name.lower()

    def get_has_secret(self, source: Source) -> bool:
        return bool(source.sealed_secret)


class SourceChangeSerializer(StrictSerializer):
    """What can be said of a source. A configuration is replaced whole; a secret is only ever taken."""

    name = serializers.CharField(max_length=150, required=False)
    configuration = serializers.DictField(required=False)
    secret = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, write_only=True, trim_whitespace=False
    )
    sensitivity = serializers.ChoiceField(choices=LEVELS, required=False)
    schedule_minutes = serializers.IntegerField(min_value=0, max_value=SCHEDULE_MINUTES_MAX, required=False)
    enabled = serializers.BooleanField(required=False)


class NewSourceSerializer(SourceChangeSerializer):
    name = serializers.CharField(max_length=150)
    kind = serializers.CharField(max_length=40)
    collection = serializers.UUIDField()


class EndingQuery(StrictSerializer):
    with_documents = serializers.BooleanField(default=False)


class AgreementSerializer(StrictSerializer):
    documents = serializers.IntegerField(min_value=1)


class NothingSerializer(StrictSerializer):
    """A body that may hold nothing at all."""


class FoundSerializer(serializers.Serializer[Any]):
    found = serializers.CharField()


class SourcesView(APIView):
    """`GET` and `POST /api/v1/sources`"""

    @extend_schema(responses=SourceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The tenant's sources, by name."""
        caller = sourcing(request)
        with managing(caller.scope.tenant_id):
            sources = Source.objects.filter(tenant_id=caller.scope.tenant_id)[:SOURCES_MAX]
            return Response(SourceSerializer(sources, many=True).data)

    @extend_schema(request=NewSourceSerializer, responses={201: SourceSerializer})
    def post(self, request: Request) -> Response:
        """Make a source. It runs as soon as a worker is free."""
        caller = sourcing(request)
        sent = checked(NewSourceSerializer, request.data)
        with changing(caller):
            collection = find_collection(caller, sent["collection"])
            if collection is None:
                raise Http404
            source = make_source(caller, collection, sent["kind"], draft_of(sent))
        return Response(SourceSerializer(source).data, status=status.HTTP_201_CREATED)


class SourceView(APIView):
    """`GET`, `PATCH` and `DELETE /api/v1/sources/{id}`"""

    @extend_schema(responses=SourceSerializer)
    def get(self, request: Request, source_id: UUID) -> Response:
        """One source, with its last runs."""
        caller = sourcing(request)
        with managing(caller.scope.tenant_id):
            return Response(SourceSerializer(own_source(caller, source_id)).data)

    @extend_schema(request=SourceChangeSerializer, responses=SourceSerializer)
    def patch(self, request: Request, source_id: UUID) -> Response:
        """Change a source, pause it or let it go on. Its kind and collection stay."""
        caller = sourcing(request)
        sent = checked(SourceChangeSerializer, request.data)
        with changing(caller):
            source = own_source(caller, source_id)
            change_source(caller, source, draft_of(sent, source))
        return Response(SourceSerializer(source).data)

    @extend_schema(parameters=[OpenApiParameter("with_documents", bool)], responses={204: None})
    def delete(self, request: Request, source_id: UUID) -> Response:
        """End a source. Its documents stay, or are erased where `with_documents` says so."""
        caller = sourcing(request)
        sent = checked(EndingQuery, request.query_params)
        with changing(caller):
            end_source(caller, own_source(caller, source_id), with_documents=sent["with_documents"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class SourceRunView(APIView):
    """`POST /api/v1/sources/{id}/run`"""

    @extend_schema(request=None, responses={202: SourceSerializer})
    def post(self, request: Request, source_id: UUID) -> Response:
        """Put the source in line; it runs as soon as a worker is free."""
        caller = sourcing(request)
        checked(NothingSerializer, request.data)
        with changing(caller):
            source = own_source(caller, source_id)
            request_run(caller, source)
        return Response(SourceSerializer(source).data, status=status.HTTP_202_ACCEPTED)


class SourceTestView(APIView):
    """`POST /api/v1/sources/{id}/test`"""

    @extend_schema(request=None, responses=FoundSerializer)
    def post(self, request: Request, source_id: UUID) -> Response:
        """Look whether the source answers. 400 says why it does not."""
        caller = sourcing(request)
        checked(NothingSerializer, request.data)
        with managing(caller.scope.tenant_id):
            source = own_source(caller, source_id)
        return Response({"found": try_source(source)})


class SourceAgreementView(APIView):
    """`POST /api/v1/sources/{id}/confirm`"""

    @extend_schema(request=AgreementSerializer, responses={202: SourceSerializer})
    def post(self, request: Request, source_id: UUID) -> Response:
        """Agree to the removal of as many documents as `removals_asked` says."""
        caller = sourcing(request)
        sent = checked(AgreementSerializer, request.data)
        with changing(caller):
            source = own_source(caller, source_id)
            confirm_removal(caller, source, sent["documents"])
        return Response(SourceSerializer(source).data, status=status.HTTP_202_ACCEPTED)


def sourcing(request: Request) -> Caller:
    """The caller, who may have to do with sources. Raises PermissionDenied."""
    caller = identify(request)
    for right in RIGHTS:
        caller.require(right)
    return caller


def own_source(caller: Caller, source_id: UUID) -> Source:
    """A source of the caller's tenant. Call inside `managing`. Raises Http404."""
    source = find_source(caller.scope.tenant_id, source_id)
    if source is None:
        raise Http404
    return source


def draft_of(sent: dict[str, Any], source: Source | None = None) -> SourceDraft:
    """A source as a body wants it; what it does not say stays, or is as it is for a new one."""
    level = sent.get("sensitivity")
    return SourceDraft(
        name=sent.get("name", source.name if source else ""),
        configuration=sent.get("configuration", source.configuration if source else {}),
        secret=sent.get("secret"),
        sensitivity=Sensitivity[level.upper()]
        if level
        else Sensitivity(source.sensitivity if source else Sensitivity.INTERNAL),
        schedule_minutes=sent.get(
            "schedule_minutes", source.schedule_minutes if source else SCHEDULE_MINUTES
        ),
        enabled=sent.get("enabled", source.enabled if source else True),
    )
