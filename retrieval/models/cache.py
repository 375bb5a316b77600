"""Cached answers and the epochs that keep them honest."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone

from accounts.models import Tenant


class Epoch(models.Model):
    """A number per tenant that grows with every change of what anybody there may read.

    Triggers bump it in the changing transaction (migration 0003).
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"epoch {self.value}"


class CachedAnswer(models.Model):
    """A generated answer, with everything that was in its prompt.

    Row-level security shows a row only to who may read every document of its evidence now.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    question_key = models.BinaryField(max_length=32)  # exact: question, rights, settings
    epoch = models.BigIntegerField()  # exact matches count in this epoch only
    evidence_key = models.BinaryField(max_length=32)  # by evidence: question, chunks, settings
    answer = models.TextField()
    citations = models.JSONField()
    verdict = models.JSONField()
    model = models.CharField(max_length=100)
    document_ids = ArrayField(models.UUIDField())  # of every chunk in the prompt, cited or not
    chunk_ids = ArrayField(models.BigIntegerField())
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "question_key", "evidence_key"], name="cached_answer_once"
            ),
            models.CheckConstraint(condition=~models.Q(document_ids=[]), name="cached_answer_has_evidence"),
        ]
        indexes = [
            models.Index(fields=["tenant", "evidence_key"], name="cached_answer_evidence"),
            GinIndex(fields=["document_ids"], name="cached_answer_documents"),
            models.Index(fields=["created_at"], name="cached_answer_age"),
        ]

    def __str__(self) -> str:
        return f"cached answer {self.pk}"
