"""API keys: a program's way in."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models.people import Membership
from accounts.models.tenants import Tenant
from accounts.roles import Right
from accounts.scope import Sensitivity

SECRET_PREFIX = "rgs_"  # noqa: S105  (what every key begins with)
USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyManager(models.Manager["ApiKey"]):
    def issue(
        self,
        membership: Membership,
        label: str,
        expires_at: datetime | None = None,
        *,
        scopes: Iterable[Right] = (Right.ASK,),
        ceiling: Sensitivity | None = None,
        addresses: Iterable[str] = (),
    ) -> tuple["ApiKey", str]:
        """Make a key; the secret is returned once and kept as a keyed hash only.

        scopes: the rights it is to have; what its owner may not do, it may not do either. addresses:
        networks it may be used from, none meaning from anywhere. Raises ValidationError.
        """
        secret = f"{SECRET_PREFIX}{secrets.token_urlsafe(32)}"
        key = ApiKey(
            membership=membership,
            label=label,
            prefix=secret[:12],
            digest=digest_key(secret),
            expires_at=expires_at,
            scopes=sorted(Right(scope).value for scope in scopes),
            ceiling=ceiling,
            addresses=list(addresses),
        )
        key.clean()
        key.save()
        return key, secret

    def rotate(self, key: "ApiKey", overlap: timedelta = timedelta(hours=24)) -> tuple["ApiKey", str]:
        """A new key with everything of the old one, which goes on for `overlap` and then ends."""
        with transaction.atomic():
            old = self.select_for_update().get(pk=key.pk)
            if not old.is_live:
                raise ValidationError("This key has ended; make a new one.")
            end = timezone.now() + overlap
            lifetime = old.expires_at - old.created_at if old.expires_at else None
            new, secret = self.issue(
                old.membership,
                old.label,
                timezone.now() + lifetime if lifetime else None,
                scopes=old.rights,
                ceiling=None if old.ceiling is None else Sensitivity(old.ceiling),
                addresses=old.addresses,
            )
            old.expires_at = min(end, old.expires_at) if old.expires_at else end
            old.replaced_by = new
            old.save(update_fields=["expires_at", "replaced_by"])
        return new, secret

    def find(self, secret: str, address: str | None = None) -> "ApiKey | None":
        """The live key with this secret, of a live membership; None for every other reason alike.

        address: of the client; a key with a list of networks is not found from anywhere else.
        """
        now = timezone.now()
        key = (
            self.filter(
                digest=digest_key(secret),
                revoked_at=None,
                membership__is_active=True,
                membership__user__is_active=True,
                membership__tenant__state=Tenant.State.ACTIVE,
            )
            .exclude(expires_at__lte=now)
            .select_related("membership__user", "membership__tenant", "membership__own_role")
            .first()
        )
        if key is None or not key.usable_from(address):
            return None
        key.note_use(now)
        return key


class ApiKey(models.Model):
    """A program's way in, as one member of one tenant; it can do no more than that member."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="keys")
    label = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=32, choices=[(right.value, right.label) for right in Right]), default=list
    )
    ceiling = models.PositiveSmallIntegerField(
        "may read up to",
        choices=[(level.value, level.name.lower()) for level in Sensitivity],
        null=True,
        blank=True,
        help_text="Empty: as far as its owner.",
    )
    addresses = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="Networks it may be used from, such as 192.0.2.0/24, separated by commas. Empty: anywhere.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    replaced_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = ApiKeyManager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"key {self.prefix}…"

    def clean(self) -> None:
        """Raises ValidationError for a right or a network that is none."""
        if unknown := set(self.scopes) - {right.value for right in Right}:
            raise ValidationError({"scopes": f"There is no right '{sorted(unknown)[0]}'."})
        for network in self.addresses:
            try:
                ip_network(network)
            except ValueError:
                raise ValidationError(
                    {"addresses": f"'{network[:43]}' is no network such as 192.0.2.0/24."}
                ) from None

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @property
    def rights(self) -> frozenset[Right]:
        """What the key may do: its scopes, as far as its owner's role goes now."""
        return Right.known(self.scopes) & self.membership.rights

    def usable_from(self, address: str | None) -> bool:
        """Whether a client at `address` may use it. An address that cannot be read is in no network."""
        if not self.addresses:
            return True
        try:
            client = ip_address(address or "")
        except ValueError:
            return False
        client = getattr(client, "ipv4_mapped", None) or client
        return any(client in ip_network(network) for network in self.addresses)

    def note_use(self, now: datetime) -> None:
        """Keep when it was last used, to the minute: a write for every request would cost more than it tells."""
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
        if self.last_used_at is None or self.last_used_at < now - USE_NOTED_EVERY:
            ApiKey.objects.filter(stale, pk=self.pk).update(last_used_at=now)


def digest_key(secret: str) -> str:
    """HMAC-SHA-256 of a key's secret under the installation's own, so a stolen table opens nothing."""
    return hmac.new(settings.SECRET_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()
