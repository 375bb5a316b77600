"""How the people of a tenant sign in, and the sessions that follow."""

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models.tenants import Tenant
from accounts.scope import Sensitivity
from accounts.sign_in.sealing import fingerprint, seal, unseal

IDLE_MINUTES = 60
ABSOLUTE_MINUTES = 12 * 60
ABSOLUTE_MINUTES_MAX = 7 * 24 * 60
DOMAIN_TAKEN = "Another organisation has claimed this domain already; ask the operator who owns it."


class SignInPolicy(models.Model):
    """What a tenant asks of sessions that act in it; without a row, the defaults hold."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="sign_in_policy")
    require_second_factor = models.BooleanField(
        default=False, help_text="Nobody gets further than to setting one up without it."
    )
    password_allowed = models.BooleanField(
        default=True,
        help_text="Without it, only passkeys and your identity providers open this organisation.",
    )
    idle_minutes = models.PositiveIntegerField(
        default=IDLE_MINUTES,
        validators=[MinValueValidator(1), MaxValueValidator(ABSOLUTE_MINUTES_MAX)],
        help_text="A session without a request for so long ends.",
    )
    absolute_minutes = models.PositiveIntegerField(
        default=ABSOLUTE_MINUTES,
        validators=[MinValueValidator(5), MaxValueValidator(ABSOLUTE_MINUTES_MAX)],
        help_text="A session ends so long after signing in, whatever happens in it.",
    )

    class Meta:
        verbose_name = "sign-in policy"
        verbose_name_plural = "sign-in policies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(idle_minutes__gte=1, absolute_minutes__gte=5), name="sign_in_policy_times"
            )
        ]

    def __str__(self) -> str:
        return f"sign-in policy of {self.tenant_id}"

    @classmethod
    def of(cls, tenant_id: uuid.UUID | None) -> "SignInPolicy":
        """The tenant's policy; the defaults where it set none, or where there is no tenant."""
        found = cls.objects.filter(tenant_id=tenant_id).first() if tenant_id else None
        return found or (cls(tenant_id=tenant_id) if tenant_id else cls())

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.idle_minutes)

    @property
    def absolute(self) -> timedelta:
        return timedelta(minutes=self.absolute_minutes)


def normalise_domain(domain: str) -> str:
    """A domain as it is compared: lower case, IDNA. Raises ValidationError for what is none."""
    try:
        name = domain.strip().rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    # A label is letters, digits and inner hyphens (RFC 1123); a single one is nobody's to claim.
    if (
        len(name) > 253
        or len(labels) < 2
        or not all(
            label
            and label.replace("-", "").isalnum()
            and not label.startswith("-")
            and not label.endswith("-")
            for label in labels
        )
    ):
        raise ValidationError(f"'{domain[:80]}' is no domain such as example.org.")
    return name


class TenantDomain(models.Model):
    """A domain whose addresses are this tenant's, and no other one's.

    It counts once the operator confirmed that the tenant owns it: whoever could claim any domain
    could sign in as anybody with an address there.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(
        max_length=253, unique=True, error_messages={"unique": DOMAIN_TAKEN}, help_text="Such as example.org."
    )
    confirmed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "domain"

    def __str__(self) -> str:
        return self.domain

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.domain = normalise_domain(self.domain)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        self.domain = normalise_domain(self.domain)


class IdentityProvider(models.Model):
    """A service that vouches for a tenant's people. What people get from it is an ordinary membership."""

    class Kind(models.TextChoices):
        OIDC = "oidc", "OpenID Connect"
        SAML = "saml", "SAML 2.0"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="identity_providers")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=60, help_text="As people know it; shown on the sign-in page.")
    enabled = models.BooleanField(default=True)
    issuer = models.CharField(
        max_length=400,
        help_text="OpenID Connect: the issuer's address, without /.well-known. SAML: the provider's entity id.",
    )
    client_id = models.CharField(max_length=191, blank=True, help_text="OpenID Connect only.")
    sealed_secret = models.TextField(blank=True, editable=False)
    sign_in_url = models.CharField(
        max_length=400, blank=True, help_text="SAML only: where its sign-in by redirect begins."
    )
    certificate = models.TextField(
        blank=True, help_text="SAML only: the certificate it signs with, PEM or base 64."
    )
    group_claim = models.CharField(
        max_length=200,
        blank=True,
        help_text="The claim or attribute with the stable ids of a person's groups. Empty: groups are left alone.",
    )
    default_ceiling = models.PositiveSmallIntegerField(
        "new members may read up to",
        choices=[(level.value, level.name.lower()) for level in Sensitivity],
        default=Sensitivity.INTERNAL,
    )
    second_factor_there = models.BooleanField(
        "asks for a second factor itself",
        default=False,
        help_text="Then a sign-in through it satisfies a policy that requires one.",
    )

    class Meta:
        verbose_name = "identity provider"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="identity_provider_name_in_tenant"),
            models.CheckConstraint(
                condition=models.Q(kind="saml") | ~models.Q(client_id=""), name="identity_provider_client_id"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="oidc") | (~models.Q(certificate="") & ~models.Q(sign_in_url="")),
                name="identity_provider_certificate",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        missing = {
            self.Kind.OIDC.value: [field for field in ("client_id",) if not getattr(self, field)],
            self.Kind.SAML.value: [
                field for field in ("certificate", "sign_in_url") if not getattr(self, field).strip()
            ],
        }.get(self.kind, [])
        if missing:
            raise ValidationError(dict.fromkeys(missing, "This kind of provider needs it."))
        addresses = (
            {"issuer": self.issuer} if self.kind == self.Kind.OIDC else {"sign_in_url": self.sign_in_url}
        )
        schemes = ("https", "http") if settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS else ("https",)
        for field, address in addresses.items():
            parts = urlsplit(address)
            if parts.scheme not in schemes or not parts.hostname or parts.username or parts.query:
                raise ValidationError({field: "An address such as https://login.example.org is needed."})

    @property
    def client_secret(self) -> str:
        """The secret in clear, for the provider itself and for nobody else."""
        return unseal(self.sealed_secret, purpose="identity provider") if self.sealed_secret else ""

    @client_secret.setter
    def client_secret(self, secret: str) -> None:
        self.sealed_secret = seal(secret, purpose="identity provider") if secret else ""


class UsedAssertion(models.Model):
    """An assertion that was accepted once, and is not again for as long as it would be valid."""

    provider = models.ForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "digest"], name="assertion_used_once")]

    def __str__(self) -> str:
        return f"assertion {self.pk}"


class SignInSession(models.Model):
    """A session somebody signed in with. It ends with Django's own row, and that row with it.

    A session without one is nobody's.
    """

    class Method(models.TextChoices):
        PASSWORD = "password"  # noqa: S105  (a way to sign in)
        PASSKEY = "passkey"
        IDENTITY_PROVIDER = "identity_provider"

    # The constraint is the database's own (migration 0004), so that no way of ending a session forgets this.
    session = models.OneToOneField(
        "sessions.Session",
        on_delete=models.CASCADE,
        db_constraint=False,
        primary_key=True,
        related_name="sign_in",
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    method = models.CharField(max_length=20, choices=Method.choices, default=Method.PASSWORD)
    # Through an identity provider one gets into its tenant, and not into others one belongs to: its
    # word is good for nothing there.
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="+")
    second_factor = models.BooleanField(default=False)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"session of user {self.user_id}"

    @property
    def handle(self) -> str:
        """What a page may call the session: its key would open it."""
        return fingerprint(str(self.session_id), purpose="session")[:32]
