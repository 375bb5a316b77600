"""A platform administrator's way into a tenant in an emergency."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.tenants import Tenant


class BreakGlassQuerySet(models.QuerySet["BreakGlass"]):
    def open_now(self) -> "BreakGlassQuerySet":
        return self.filter(ended_at=None, expires_at__gt=timezone.now())


class BreakGlass(models.Model):
    """A stay in a tenant: reasoned, short, told to its owners, and everything read under it audited."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="break_glass")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="break_glass")
    reason = models.TextField(max_length=1000)
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = BreakGlassQuerySet.as_manager()

    class Meta:
        verbose_name = "emergency access"
        verbose_name_plural = "emergency accesses"
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="break_glass_reason"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("opened_at")), name="break_glass_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"emergency access {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.expires_at > timezone.now()
