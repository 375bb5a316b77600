"""The audit trail: what happened, to what, by whom; appended and never changed."""

import hashlib
import json
import uuid
from typing import Any

from auditlog.models import AbstractLogEntry
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from accounts.database import current_tenant
from compliance.audit.context import current


class AuditEntry(AbstractLogEntry):
    """One line of the trail: a question, a retrieval, an answer, or a change to a model.

    It keeps ids, not foreign keys: an entry outlives the rows it speaks of. It holds no text of
    questions, answers or documents, so that erasing those leaves the trail whole.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sequence = models.BigIntegerField(unique=True, null=True, editable=False)  # given by the database
    tenant_id = models.UUIDField(null=True, editable=False)
    event = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=32, blank=True)
    digest = models.BinaryField(max_length=32, editable=False)

    content_type = models.ForeignKey(
        "contenttypes.ContentType",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="+",
    )
    actor_email = None

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["tenant_id", "-sequence"], name="audit_tenant_sequence"),
            models.Index(fields=["tenant_id", "event", "-sequence"], name="audit_tenant_event"),
        ]

    def __str__(self) -> str:
        return self.event or super().__str__()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.seal()
        super().save(*args, force_insert=True, **{k: v for k, v in kwargs.items() if k != "force_insert"})

    def seal(self) -> None:
        """Fill in whose doing it is, and the digest over all of it."""
        context = current()
        self.tenant_id = self.tenant_id or current_tenant()
        for name, value in (
            ("actor_id", context.actor_id),
            ("remote_addr", context.address),
            ("cid", context.request_id or None),
        ):
            setattr(self, name, getattr(self, name) or value)
        self.event = self.event or self._event_of_change()
        self.digest = self.compute_digest()

    def _event_of_change(self) -> str:
        verb = {0: "created", 1: "updated", 2: "deleted", 3: "accessed"}[self.action]
        model = self.content_type.model if self.content_type else "object"
        return f"{'grant' if model.endswith('objectpermission') else model}.{verb}"

    def compute_digest(self) -> bytes:
        """SHA-256 of the entry's content as canonical JSON (sorted keys, no spaces)."""
        content = {
            "id": self.id,
            "tenant": self.tenant_id,
            "event": self.event,
            "outcome": self.outcome,
            "action": self.action,
            "type": self.content_type_id,
            "object": self.object_pk,
            "actor": self.actor_id,
            "address": self.remote_addr,
            "cid": self.cid,
            "at": self.timestamp,
            "changes": self.changes,
            "details": self.additional_data,
        }
        canonical = json.dumps(content, cls=DjangoJSONEncoder, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()
