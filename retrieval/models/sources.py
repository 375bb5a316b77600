"""Where documents come from by themselves: folders, buckets, sites, mailboxes; and what was found there."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Tenant
from accounts.scope import Sensitivity
from accounts.sign_in.sealing import seal, unseal
from retrieval.models.documents import Collection, Document

SCHEDULE_MINUTES = 60
SCHEDULE_MINUTES_MAX = 30 * 24 * 60


class SourceQuerySet(models.QuerySet["Source"]):
    def due(self, now: datetime) -> "SourceQuerySet":
        """Those to be run now: asked for, or scheduled and not run for long enough, or being removed."""
        waited = Q(last_started=None) | Q(
            last_started__lte=now - F("schedule_minutes") * timedelta(minutes=1)
        )
        wanted = Q(requested_at__isnull=False) | (Q(schedule_minutes__gt=0) & waited)
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.filter(free & (Q(removing=True) | (Q(enabled=True) & wanted)))


class Source(models.Model):
    """A place outside whose documents a collection follows."""

    class Outcome(models.TextChoices):
        NEVER = "", "not run yet"
        WHOLE = "whole", "in step"
        PARTLY = "partly", "partly, goes on"
        UNCONFIRMED = "unconfirmed", "needs confirmation"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="sources")
    kind = models.CharField(max_length=40)
    name = models.CharField(max_length=150)
    configuration = models.JSONField(default=dict)
    sealed_secret = models.TextField(blank=True, editable=False)
    sensitivity = models.PositiveSmallIntegerField(
        "level of its documents",
        choices=[(level.value, level.name.lower()) for level in Sensitivity],
        default=Sensitivity.INTERNAL,
    )
    schedule_minutes = models.PositiveIntegerField(
        default=SCHEDULE_MINUTES, help_text="How often it is looked at; 0: only when somebody asks."
    )
    enabled = models.BooleanField(default=True)
    removing = models.BooleanField(default=False, editable=False)  # with its documents, a few at a time

    # A run holds the source by a lease and not by a lock: it spends its time waiting for others.
    run_id = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    requested_at = models.DateTimeField(null=True, editable=False)
    cursor = models.JSONField(default=dict, editable=False)

    last_started = models.DateTimeField(null=True, editable=False)
    last_ended = models.DateTimeField(null=True, editable=False)
    last_outcome = models.CharField(
        max_length=12, choices=Outcome.choices, default=Outcome.NEVER, blank=True, editable=False
    )
    last_problem = models.CharField(max_length=500, blank=True, editable=False)
    counts = models.JSONField(default=dict, editable=False)  # of the last run
    runs = models.JSONField(default=list, editable=False)  # the last few, newest first
    # How many documents would go because they are gone there, and how many somebody agreed to.
    removals_asked = models.PositiveIntegerField(default=0, editable=False)
    removals_agreed = models.PositiveIntegerField(default=0, editable=False)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="source_name_in_tenant")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """The secret in clear, for the source itself and for nobody else. Raises ValueError."""
        return unseal(self.sealed_secret, purpose=f"source {self.pk}") if self.sealed_secret else ""

    @secret.setter
    def secret(self, secret: str) -> None:
        self.sealed_secret = seal(secret, purpose=f"source {self.pk}") if secret else ""

    @property
    def running(self) -> bool:
        return self.lease_until is not None and self.lease_until > timezone.now()

    @property
    def waiting(self) -> bool:
        return self.requested_at is not None and not self.running


class SourceItem(models.Model):
    """One document as a source has it, and what became of it here."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="items")
    external_id = models.CharField(max_length=1024)
    name = models.CharField(max_length=300)
    version = models.CharField(max_length=300, blank=True)
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, related_name="+")
    seen_in = models.UUIDField(null=True)  # the last run that met it
    access_digest = models.CharField(
        max_length=64, blank=True
    )  # of the readers it was given; empty: not all yet
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="source_item_once"),
            models.UniqueConstraint(
                fields=["document"], condition=Q(document__isnull=False), name="source_item_of_document"
            ),
        ]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"item {self.pk} of source {self.source_id}"
