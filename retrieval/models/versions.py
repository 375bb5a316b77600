"""Versions of documents, and how far the ingestion of each is."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Tenant
from retrieval.models.documents import Document

__all__ = ["DocumentVersion", "Ingestion"]

_MOVING = ("scanning", "parsing", "splitting", "embedding")


class DocumentVersion(models.Model):
    """One file that was sent for a document. Chunks belong to it; `Document.version_id` says which is read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    stored_name = models.CharField(max_length=200, blank=True)  # of the original, in the vault
    # False for a file that an earlier release kept as it was sent; `manage.py adopt_originals` seals it.
    sealed = models.BooleanField(default=True)
    declared_type = models.CharField(max_length=100, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=300, blank=True)  # as the file calls itself
    size_bytes = models.PositiveBigIntegerField(default=0)
    content_sha256 = models.CharField(max_length=64, blank=True)
    pages = models.PositiveIntegerField(null=True)
    language = models.CharField(max_length=8, blank=True)  # ISO 639-1
    text_chars = models.PositiveBigIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    indexed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="version_number")]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"version {self.number} of document {self.document_id}"


class Ingestion(models.Model):
    """The work on one version. Whoever holds the lease may write, and nobody else; see `ingestion.leases`."""

    class State(models.TextChoices):
        RECEIVED = "received"
        SCANNING = "scanning"
        PARSING = "parsing"
        SPLITTING = "splitting"
        EMBEDDING = "embedding"
        INDEXED = "indexed"
        QUARANTINED = "quarantined"
        FAILED = "failed"
        ERASING = "erasing"
        SUPERSEDED = "superseded"  # a newer version came before this one was whole

    MOVING: ClassVar[tuple[str, ...]] = _MOVING

    version = models.OneToOneField(DocumentVersion, on_delete=models.CASCADE, primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    reason = models.CharField(max_length=500, blank=True)
    # Since the last progress: work that goes on, however often it was interrupted, is not given up.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Checkpoints of a large document, in the vault: its text in blocks, its pieces.
    parsed_name = models.CharField(max_length=200, blank=True)
    pieces_name = models.CharField(max_length=200, blank=True)
    chunks_done = models.PositiveIntegerField(default=0)
    chunks_total = models.PositiveIntegerField(null=True)
    chunks_before = models.PositiveIntegerField(default=0)  # done when embedding was last begun, for the rate
    pages_done = models.PositiveIntegerField(default=0)
    batch = models.UUIDField(null=True, db_index=True)  # files that were sent together
    started_at = models.DateTimeField(null=True)
    embedding_at = models.DateTimeField(null=True)
    progressed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=_MOVING, lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(state__in=_MOVING) & Q(lease_token=None, lease_until=None)),
                name="ingestion_moves_under_a_lease",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "next_try_at"],
                condition=Q(state="received"),
                name="ingestion_waiting",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="ingestion_leased"
            ),
        ]

    def __str__(self) -> str:
        return f"ingestion of version {self.version_id}"
