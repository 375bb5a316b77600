"""Collections and documents, and the grants on them."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from guardian.managers import GroupObjectPermissionManager, UserObjectPermissionManager
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models import Principal, Tenant
from accounts.scope import AccessScope, Sensitivity

__all__ = [
    "Collection",
    "CollectionGroupObjectPermission",
    "CollectionUserObjectPermission",
    "Document",
    "DocumentGroupObjectPermission",
    "DocumentUserObjectPermission",
]


class Collection(models.Model):
    """A shelf of documents that share their grants unless a document has its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Named by every document that takes the collection's grants; who is granted it acts as this.
    principal = models.OneToOneField(Principal, on_delete=models.PROTECT, editable=False, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="collection_name_in_tenant")]
        ordering = ["name"]
        default_permissions = ("add", "change", "delete", "view", "share")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            if self.principal_id is None:
                self.principal = Principal.objects.create(kind="collection")
            super().save(*args, **kwargs)


class DocumentQuerySet(models.QuerySet["Document"]):
    def readable_by(self, scope: AccessScope) -> "DocumentQuerySet":
        """What the scope may search and open now. No principals: nothing."""
        return self.filter(
            tenant_id=scope.tenant_id,
            searchable=True,
            sensitivity__lte=scope.ceiling,
            principals__overlap=list(scope.principals),
        )


class Document(models.Model):
    """What was taken in under one name, or is being taken in; its files are its versions."""

    class Status(models.TextChoices):
        RECEIVED = "received"
        SCANNING = "scanning"
        PARSING = "parsing"
        SPLITTING = "splitting"
        EMBEDDING = "embedding"
        INDEXED = "indexed"
        QUARANTINED = "quarantined"
        FAILED = "failed"
        ERASING = "erasing"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(max_length=300)
    source_name = models.CharField("file name", max_length=300)
    # The file that was sent last.
    media_type = models.CharField(max_length=100, blank=True, editable=False)
    size_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    content_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    sensitivity = models.PositiveSmallIntegerField(
        choices=[(level.value, level.name.lower()) for level in Sensitivity], default=Sensitivity.INTERNAL
    )
    inherits_grants = models.BooleanField(
        "takes the collection's grants",
        default=True,
        help_text="Off: only the document's own grants count, and without any nobody may read it.",
    )

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.RECEIVED, editable=False)
    status_reason = models.CharField(max_length=500, blank=True, editable=False)
    status_at = models.DateTimeField(default=timezone.now, editable=False)
    # The version that is read. No foreign key: versions refer to documents, and a circle cannot be deleted.
    version_id = models.UUIDField(null=True, unique=True, editable=False)
    # True while a whole, judged version stands in the index; a newer version may be on its way.
    searchable = models.BooleanField(default=False, editable=False)
    content_version = models.PositiveIntegerField(default=0, editable=False)
    chunk_count = models.PositiveIntegerField(default=0, editable=False)

    # Kept by triggers from the grants (migrations 0003, 0007); what the application writes here is ignored.
    principals = ArrayField(models.BigIntegerField(), default=list, editable=False)
    acl_version = models.PositiveIntegerField(default=0, editable=False)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    indexed_at = models.DateTimeField(null=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "collection", "source_name"], name="document_source_in_collection"
            )
        ]
        indexes = [
            # No list of pending entries: each of a person's principals would read it from end to end.
            GinIndex(fields=["principals"], name="document_principals", fastupdate=False),
            models.Index(fields=["tenant", "-created_at"], name="document_tenant_created"),
        ]
        ordering = ["-created_at"]
        default_permissions = ("add", "change", "delete", "view", "share")

    def __str__(self) -> str:
        return f"document {self.pk}"


class InForce(models.Manager[Any]):
    """Leaves grants out that have ended; guardian asks this one, so they grant nothing anywhere."""

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


class UserGrantManager(InForce, UserObjectPermissionManager):
    pass


class GroupGrantManager(InForce, GroupObjectPermissionManager):
    pass


class Grant(models.Model):
    """A grant and the end it may have. Never changed: it is deleted and made anew."""

    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"grant {self.pk}"


class UserGrant(Grant, UserObjectPermissionBase):
    objects: ClassVar[UserGrantManager] = UserGrantManager()
    with_ended: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True


class GroupGrant(Grant, GroupObjectPermissionBase):
    objects: ClassVar[GroupGrantManager] = GroupGrantManager()
    with_ended: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True


class CollectionUserObjectPermission(UserGrant):
    content_object = models.ForeignKey(Collection, on_delete=models.CASCADE)


class CollectionGroupObjectPermission(GroupGrant):
    content_object = models.ForeignKey(Collection, on_delete=models.CASCADE)


class DocumentUserObjectPermission(UserGrant):
    content_object = models.ForeignKey(Document, on_delete=models.CASCADE)
    # What its grantee acts as until the end, a trigger's; a grant without an end has none.
    timed = models.ForeignKey(
        Principal, on_delete=models.CASCADE, null=True, editable=False, related_name="+"
    )


class DocumentGroupObjectPermission(GroupGrant):
    content_object = models.ForeignKey(Document, on_delete=models.CASCADE)
    timed = models.ForeignKey(
        Principal, on_delete=models.CASCADE, null=True, editable=False, related_name="+"
    )
