"""Tenants, people, groups and keys: who may ask, and as whom."""

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.models import Group as AuthGroup
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.database import managing
from accounts.roles import Right, Role, may
from accounts.scope import Sensitivity


class Tenant(models.Model):
    """One organisation. Everything else carries its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        adding = self._state.adding
        with managing(self.pk):
            super().save(*args, **kwargs)
            if adding:
                Group.objects.create(tenant=self, label=Group.EVERYONE, builtin=True)


class Principal(models.Model):
    """An id that can be granted access: users and groups draw from here, so no id is both."""

    kind = models.CharField(max_length=8, choices=[("user", "user"), ("group", "group")])

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person (or a service) that signs in; belongs to tenants through memberships."""

    id = models.BigIntegerField(primary_key=True, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may open the admin", default=False)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        # Audit entries keep this for ever, so it names nobody.
        return f"user {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            if self.pk is None:
                self.pk = Principal.objects.create(kind="user").pk
            super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.get_full_name()


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

    objects: ClassVar[GroupManager] = GroupManager()  # type: ignore[assignment]  # narrower than the parent's

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "label"], name="group_label_in_tenant")]

    def __str__(self) -> str:
        return f"{self.label} ({self.tenant.slug})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            if self.pk is None:
                self.pk = self.id = Principal.objects.create(kind="group").pk
                self.name = uuid.uuid4().hex
            super().save(*args, **kwargs)


class Membership(models.Model):
    """One person's place in one tenant: role, ceiling, and whether it is in force."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=24,
        choices=[(role.value, role.value.replace("_", " ")) for role in Role],
        default=Role.MEMBER,
    )
    ceiling = models.PositiveSmallIntegerField(
        "may read up to",
        choices=[(level.value, level.name.lower()) for level in Sensitivity],
        default=Sensitivity.CONFIDENTIAL,
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"membership {self.pk}"

    def may(self, right: Right) -> bool:
        return self.is_active and may(self.role, right)


class ApiKeyManager(models.Manager["ApiKey"]):
    def issue(
        self, membership: Membership, label: str, expires_at: datetime | None = None
    ) -> tuple["ApiKey", str]:
        """Make a key; the secret is returned once and kept as a keyed hash only."""
        secret = f"rgs_{secrets.token_urlsafe(32)}"
        key = self.create(
            membership=membership,
            label=label,
            prefix=secret[:12],
            digest=digest_key(secret),
            expires_at=expires_at,
        )
        return key, secret

    def find(self, secret: str) -> "ApiKey | None":
        """The live key with this secret, of a live membership; None for every other reason alike."""
        now = timezone.now()
        return (
            self.filter(
                digest=digest_key(secret),
                revoked_at=None,
                membership__is_active=True,
                membership__user__is_active=True,
            )
            .exclude(expires_at__lte=now)
            .select_related("membership__user")
            .first()
        )


class ApiKey(models.Model):
    """A program's way in, as one member of one tenant; it can do no more than that member."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="keys")
    label = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyManager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"key {self.prefix}…"


def digest_key(secret: str) -> str:
    """HMAC-SHA-256 of a key's secret under the installation's own, so a stolen table opens nothing."""
    return hmac.new(settings.SECRET_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()
