"""Who acts as whom besides herself."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.people import Principal
from accounts.models.tenants import Tenant


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def in_force(self) -> "DelegationQuerySet":
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


class Delegation(models.Model):
    """Whoever is `holder` acts as `principal` too, until the end where there is one.

    A document that takes its collection's grants names the collection's principal, and one granted for
    a time names a principal of that grant. So granting a collection, or the passing of time, changes
    no document row. Written by triggers on the grants, never by hand.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    principal = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="delegations")
    holder = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")  # a user or a group
    expires_at = models.DateTimeField(null=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holder", "principal"], name="delegation_once")]

    def __str__(self) -> str:
        return f"{self.holder} as {self.principal}"
