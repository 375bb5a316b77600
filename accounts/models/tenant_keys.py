"""The keys under which a tenant's files lie, themselves wrapped by the installation's master key."""

from django.db import models
from django.utils import timezone

from accounts.models.tenants import Tenant


class TenantKey(models.Model):
    """One version of a tenant's data key. Never holds the key itself; `accounts.tenant_keys` unwraps it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(default=1)
    wrapped = models.BinaryField(editable=False)  # empty once destroyed
    master_key_id = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    destroyed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version"], name="tenant_key_version"),
            models.CheckConstraint(
                condition=models.Q(destroyed_at=None) | models.Q(wrapped=b""), name="tenant_key_destroyed"
            ),
        ]

    def __str__(self) -> str:
        return f"key {self.version} of tenant {self.tenant_id}"
