"""What was asked and answered. The words live here, erasable; the audit trail keeps ids only."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models import Tenant


class Conversation(models.Model):
    """Questions of one person that build on each other."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["tenant", "user", "-created_at"], name="conversation_recent")]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Query(models.Model):
    """One question and its end. `id` is the request id that the audit entries carry."""

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, related_name="queries"
    )
    question = models.TextField()  # as the input guardrail let it through: masked; "" when refused
    answer = models.TextField(blank=True)
    citations = models.JSONField(default=list)
    # Of everything the answer was made from, cited or not: who may not read all of it may not reread it.
    document_ids = ArrayField(models.UUIDField(), default=list)
    outcome = models.CharField(max_length=16)
    rule = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=16, blank=True)
    surface = models.CharField(max_length=16)
    model = models.CharField(max_length=100, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    stages_ms = models.JSONField(default=dict)
    total_ms = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="query_recent"),
            models.Index(fields=["conversation", "created_at"], name="query_in_conversation"),
        ]
        ordering = ["-created_at"]
        verbose_name_plural = "queries"

    def __str__(self) -> str:
        return f"query {self.pk}"
