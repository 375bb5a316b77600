"""An organisation. Everything else carries its id."""

import uuid
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.database import managing


class Tenant(models.Model):
    """One organisation. Everything else carries its id."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"  # nobody gets in and nothing is lost

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        from accounts.models.groups import Group

        adding = self._state.adding
        with managing(self.pk):
            super().save(*args, **kwargs)
            if adding:
                Group.objects.create(tenant=self, label=Group.EVERYONE, builtin=True)

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE
