"""Documents, and how far their ingestion is, as the API shows them: what is known, never what they say."""

from collections.abc import Iterable
from math import ceil
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.access.rights import may_among
from retrieval.access.values import Permission
from retrieval.api.caller import Caller
from retrieval.ingestion.progress import BatchProgress, Progress, progress_among
from retrieval.models import Document, Ingestion


class ProgressSerializer(serializers.Serializer[Any]):
    """How far the ingestion of a document's newest version is; null stands for what nobody knows (yet)."""

    state = serializers.ChoiceField(choices=Ingestion.State.choices)
    words = serializers.CharField(help_text="For people; empty where the state says it all.")
    reason = serializers.CharField()
    version = serializers.IntegerField()
    batch = serializers.UUIDField(allow_null=True, help_text="Of files that were sent together.")
    moving = serializers.BooleanField(help_text="A worker has it now.")
    resting = serializers.BooleanField(help_text="Nobody will work on it unless somebody asks for it.")
    chunks_done = serializers.IntegerField()
    chunks_total = serializers.IntegerField(allow_null=True)
    fraction = serializers.FloatField(allow_null=True, help_text="0 to 1; 1 only where the version is whole.")
    rate = serializers.FloatField(allow_null=True, help_text="Chunks a second.")
    seconds_left = serializers.FloatField(allow_null=True)
    attempts = serializers.IntegerField(help_text="Since it last came further.")
    next_try_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class BatchSerializer(serializers.Serializer[Any]):
    """How far the files are that were sent together."""

    id = serializers.UUIDField(read_only=True)
    words = serializers.CharField()
    files = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Or quarantined.")
    replaced = serializers.IntegerField(help_text="A newer file came before they were whole.")
    moving = serializers.IntegerField(help_text="Workers have them now.")
    resting = serializers.BooleanField()
    chunks_done = serializers.IntegerField()
    chunks_total = serializers.IntegerField(allow_null=True)
    fraction = serializers.FloatField(help_text="Of the files.")
    rate = serializers.FloatField(allow_null=True, help_text="Chunks a second, from file to index.")
    seconds_left = serializers.FloatField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """What is known of a document. `ingestion` is for who may change it, and null for everybody else."""

    sensitivity = serializers.SerializerMethodField()
    ingestion = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = [
            "id", "collection", "title", "source_name", "media_type", "size_bytes", "sensitivity", "status",
            "status_reason", "searchable", "chunk_count", "created_at", "indexed_at", "ingestion",
        ]  # fmt: skip
        read_only_fields = fields

    def get_sensitivity(self, document: Document) -> str:
        return Sensitivity(document.sensitivity).name.lower()

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_ingestion(self, document: Document) -> dict[str, Any] | None:
        progress = self.context.get("progress", {}).get(document.pk)
        return progress_json(progress) if progress else None


def shown(caller: Caller, documents: Iterable[Document]) -> list[dict[str, Any]]:
    """The documents, of which the caller may know; their progress where she may change them."""
    found = list(documents)
    ids = {document.pk for document in found}
    with managing(caller.scope.tenant_id):
        hers = may_among(caller, Permission.CHANGE, ids)
        progress = progress_among(caller.scope.tenant_id, hers) if hers else {}
    return list(DocumentSerializer(found, many=True, context={"progress": progress}).data)


def shown_one(caller: Caller, document: Document) -> dict[str, Any]:
    return shown(caller, [document])[0]


def progress_json(progress: Progress | BatchProgress) -> dict[str, Any]:
    """Rates to a tenth and whole seconds: the rest would only look exact."""
    serializer = ProgressSerializer if isinstance(progress, Progress) else BatchSerializer
    described = dict(serializer(progress).data)
    for name, digits in (("fraction", 4), ("rate", 1)):
        described[name] = rounded(described[name], digits)
    if described["seconds_left"] is not None:
        described["seconds_left"] = ceil(described["seconds_left"])
    return described


def rounded(figure: float | None, digits: int) -> float | None:
    """Rounded down, so that nothing is said to be whole before it is."""
    return None if figure is None else int(figure * 10**digits) / 10**digits
