"""Groups of people, nested to a bounded depth."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import Group as AuthGroup
from django.db import models, transaction

from accounts.models.people import Principal
from accounts.models.tenants import Tenant

# Groups on the longest way from an innermost group to an outermost one; migration 0002 holds it too.
GROUP_DEPTH_MAX = 5


class GroupManager(models.Manager["Group"]):
    """Typed for this model; the parent's manager speaks of Django's own groups."""


class Group(AuthGroup):
    """People of one tenant who are granted access together.

    Guardian grants to Django's own group, so this extends it; the parent's globally unique name is
    an opaque identity, or one tenant could learn another's group names by colliding with them.
    """

    EVERYONE = "Everyone"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="groups")
    label = models.CharField("name", max_length=150)
    builtin = models.BooleanField(default=False, editable=False)  # holds every active member
    external_id = models.CharField(max_length=200, blank=True, editable=False)  # the directory's stable id

    objects: ClassVar[GroupManager] = GroupManager()  # type: ignore[assignment]  # narrower than the parent's

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "label"], name="group_label_in_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "external_id"],
                condition=~models.Q(external_id=""),
                name="group_external_id_in_tenant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.tenant.slug})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            if self.pk is None:
                self.pk = self.id = Principal.objects.create(kind="group").pk
                self.name = uuid.uuid4().hex
            super().save(*args, **kwargs)


class GroupNesting(models.Model):
    """Everybody in the inner group is in the outer one too.

    The database refuses (migration 0002) a cycle, a way longer than GROUP_DEPTH_MAX, two tenants, and
    the group of everybody on either side, each with a sentence that may be shown.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    outer = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="inner_nestings")
    inner = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="outer_nestings")

    class Meta:
        verbose_name = "nested group"
        constraints = [models.UniqueConstraint(fields=["outer", "inner"], name="nesting_once")]

    def __str__(self) -> str:
        return f"group {self.inner_id} inside group {self.outer_id}"
