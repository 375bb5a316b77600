"""Large files on their way in, part by part."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Tenant
from accounts.scope import Sensitivity
from retrieval.models.documents import Collection, Document


class ResumableUpload(models.Model):
    """A file that comes in parts, each kept encrypted, until it is whole and taken in like any other."""

    class State(models.TextChoices):
        OPEN = "open"
        WHOLE = "whole"  # every byte is here, and it waits to be taken in
        FINISHED = "finished"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=300)
    title = models.CharField(max_length=300, blank=True)
    sensitivity = models.PositiveSmallIntegerField(
        choices=[(level.value, level.name.lower()) for level in Sensitivity], null=True
    )
    size = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0)
    parts = models.JSONField(default=list)  # [name in the vault, size in bytes] of each, in their order
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=500, blank=True)
    claimed_at = models.DateTimeField(null=True)  # somebody is taking it in since then
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "retrieval_upload"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(offset__lte=models.F("size")), name="upload_offset_within_size"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "owner", "state"], name="upload_owner"),
            models.Index(fields=["tenant", "expires_at"], name="upload_expires"),
        ]

    def __str__(self) -> str:
        return f"upload {self.pk}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    def part_names(self) -> list[str]:
        return [name for name, _ in self.parts]
