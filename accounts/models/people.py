"""People and services, and their places in tenants."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models.tenants import Tenant
from accounts.roles import Right, Role, rights_of
from accounts.scope import Sensitivity


class Principal(models.Model):
    """An id that a document row can name as its reader: who may be granted access, and who acts for them.

    Users and groups are granted access. Collections and grants with an end are acted as (`Delegation`).
    """

    KINDS = ("user", "group", "collection", "grant")

    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_service(self, name: str) -> "User":
        """A service account: it owns keys and can never sign in."""
        return self.create_user(f"{uuid.uuid4().hex}@service.invalid", name=name, is_service=True)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person (or a service) that signs in; belongs to tenants through memberships.

    `is_superuser` marks a platform administrator: she runs tenants and reads nothing in them.
    """

    id = models.BigIntegerField(primary_key=True, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may open the admin", default=False)
    is_service = models.BooleanField("service account", default=False, editable=False)
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


class TenantRole(models.Model):
    """A role that a tenant put together itself, from the same rights as the ones that come with it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="roles")
    name = models.CharField(max_length=60)
    rights = ArrayField(
        models.CharField(max_length=32, choices=[(r.value, r.label) for r in Right]), default=list
    )

    class Meta:
        verbose_name = "role"
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="role_name_in_tenant")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if unknown := set(self.rights) - {right.value for right in Right}:
            raise ValidationError({"rights": f"There is no right '{sorted(unknown)[0]}'."})
        if self.name.strip().lower() in {role.label for role in Role}:
            raise ValidationError({"name": "A role that comes with ragsite has this name."})


class Membership(models.Model):
    """One person's place in one tenant: role, ceiling, and whether it is in force."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=24, choices=[(role.value, role.label) for role in Role.assignable()], default=Role.MEMBER
    )
    # In the place of the role above; a tenant's own role that is gone carries no right at all.
    own_role = models.ForeignKey(
        TenantRole, on_delete=models.RESTRICT, null=True, blank=True, related_name="memberships"
    )
    ceiling = models.PositiveSmallIntegerField(
        "may read up to",
        choices=[(level.value, level.name.lower()) for level in Sensitivity],
        default=Sensitivity.CONFIDENTIAL,
    )
    is_active = models.BooleanField(default=True)
    external_id = models.CharField(max_length=200, blank=True, editable=False)  # the directory's id for her
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.UniqueConstraint(
                fields=["tenant", "external_id"],
                condition=~models.Q(external_id=""),
                name="membership_external_id_in_tenant",
            ),
        ]

    def __str__(self) -> str:
        return f"membership {self.pk}"

    @property
    def rights(self) -> frozenset[Right]:
        """What the role allows; nothing while the membership is not in force."""
        if not self.is_active:
            return frozenset()
        if self.own_role_id is None:
            return rights_of(self.role)
        assert self.own_role is not None
        return Right.known(self.own_role.rights)

    @property
    def role_name(self) -> str:
        """The role in words, the tenant's own where it is one."""
        return self.own_role.name if self.own_role else Role(self.role).label

    def may(self, right: Right) -> bool:
        return right in self.rights
