"""Data keys of tenants: made at first use, wrapped by a master key, destroyed with the tenant.

A key is 256 random bits, wrapped with AES-256-GCM (NIST SP 800-38D) under the first of the master keys;
whoever holds the database alone, or the files alone, can read no file.
"""

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.database import database_unit, managing
from accounts.events import tell
from accounts.models import Tenant, TenantKey

KEY_BYTES = 32
NONCE_BYTES = 12  # what AES-GCM takes
# A key that was destroyed elsewhere lives on here for this long at most.
CACHED_SECONDS = 60.0
CACHED_MAX = 256


class KeyUnavailable(RuntimeError):
    """A tenant's key is destroyed, or nobody here can unwrap it; the message may be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A tenant's key, unwrapped. `version` stands in every file, so that old ones stay readable."""

    version: int
    secret: bytes = field(repr=False)


class KeyCache:
    """The keys used last, for `CACHED_SECONDS` each."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int | None], tuple[float, DataKey]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, tenant_id: UUID, version: int | None) -> DataKey | None:
        with self._lock:
            until, key = self._kept.get((tenant_id, version), (0.0, None))
            return key if time.monotonic() < until else None

    def keep(self, tenant_id: UUID, version: int | None, key: DataKey) -> None:
        with self._lock:
            self._kept[tenant_id, version] = (time.monotonic() + CACHED_SECONDS, key)
            self._kept.move_to_end((tenant_id, version))
            while len(self._kept) > CACHED_MAX:
                self._kept.popitem(last=False)

    def forget(self, tenant_id: UUID) -> None:
        with self._lock:
            for known in [known for known in self._kept if known[0] == tenant_id]:
                del self._kept[known]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


cache = KeyCache()


def newest_key(tenant_id: UUID) -> DataKey:
    """The key for new files of a tenant, made at its first use. Raises KeyUnavailable."""
    key = cache.find(tenant_id, None)
    if key is None:
        key = _newest(tenant_id)
        _remember(tenant_id, None, key)
    return key


def key_of_version(tenant_id: UUID, version: int) -> DataKey:
    """The key that a file names. Raises KeyUnavailable, also for a version that never was."""
    key = cache.find(tenant_id, version)
    if key is None:
        key = _of_version(tenant_id, version)
        _remember(tenant_id, version, key)
    return key


def _remember(tenant_id: UUID, version: int | None, key: DataKey) -> None:
    if not connection.in_atomic_block:
        cache.keep(tenant_id, version, key)
        return
    # A key whose row is rolled back must encrypt nothing more: no one could ever read it again.
    transaction.on_commit(lambda: cache.keep(tenant_id, version, key))


@database_unit
def _newest(tenant_id: UUID) -> DataKey:
    with managing(tenant_id):
        row = TenantKey.objects.filter(tenant_id=tenant_id).order_by("-version").first()
        if row is None:
            # Of two that come first at once, one makes the key and both take it.
            row, _ = TenantKey.objects.get_or_create(
                tenant_id=tenant_id, version=1, defaults=_made(tenant_id, version=1)
            )
    return unwrap(row)


@database_unit
def _of_version(tenant_id: UUID, version: int) -> DataKey:
    with managing(tenant_id):
        row = TenantKey.objects.filter(tenant_id=tenant_id, version=version).first()
    if row is None:
        raise KeyUnavailable("The organisation has no such key.")
    return unwrap(row)


def _made(tenant_id: UUID, version: int) -> dict[str, object]:
    return wrap(tenant_id, DataKey(version=version, secret=secrets.token_bytes(KEY_BYTES)))


def wrap(tenant_id: UUID, key: DataKey) -> dict[str, object]:
    """The columns `wrapped` and `master_key_id` for a key, under the first master key."""
    master_id = wrapping_id()
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_master(master_id)).encrypt(nonce, key.secret, _bound_to(tenant_id, key.version))
    return {"wrapped": nonce + sealed, "master_key_id": master_id}


def unwrap(row: TenantKey) -> DataKey:
    """Raises KeyUnavailable for a key that is destroyed, damaged, or wrapped by a master key not here."""
    if row.destroyed_at is not None:
        raise KeyUnavailable("The organisation's key is destroyed; its files cannot be read any more.")
    raw, bound_to = bytes(row.wrapped), _bound_to(row.tenant_id, row.version)
    try:
        secret = AESGCM(_master(row.master_key_id)).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise KeyUnavailable(
            f"The organisation's key does not open with the master key '{row.master_key_id}'; "
            "restore database and master key from one backup."
        ) from None
    return DataKey(version=row.version, secret=secret)


def _bound_to(tenant_id: UUID, version: int) -> bytes:
    """Associated data: a wrapped key that is copied into another tenant's row does not open there."""
    return b"ragsite tenant key" + tenant_id.bytes + version.to_bytes(4, "big")


def wrapping_id() -> str:
    """The id of the master key that wraps. Raises KeyUnavailable without any."""
    for master_id in settings.RAGSITE_MASTER_KEYS:
        return str(master_id)
    raise KeyUnavailable("There is no master key; set RAGSITE_MASTER_KEY to 32 random bytes in base64.")


def _master(master_id: str) -> bytes:
    try:
        return bytes(settings.RAGSITE_MASTER_KEYS[master_id])
    except KeyError:
        raise KeyUnavailable(
            f"The master key '{master_id}' is not among those of RAGSITE_MASTER_KEY; add it behind the first."
        ) from None


def destroy_keys(tenant_id: UUID) -> int:
    """Make every file of a tenant unreadable, wherever a copy of it lies; returns how many keys went."""
    with managing(tenant_id):
        destroyed = TenantKey.objects.filter(tenant_id=tenant_id, destroyed_at=None).update(
            wrapped=b"", destroyed_at=timezone.now()
        )
        if destroyed:
            tell("tenant_key.destroyed", tenant_id=tenant_id, details={"keys": destroyed})
    cache.forget(tenant_id)
    return destroyed


def rewrap_all() -> int:
    """Wrap every key that another master key wraps anew under the first; returns how many. Idempotent."""
    wrapping_id()
    return sum(_rewrap(tenant_id) for tenant_id in Tenant.objects.values_list("pk", flat=True))


def _rewrap(tenant_id: UUID) -> int:
    with managing(tenant_id):
        living = TenantKey.objects.select_for_update().filter(tenant_id=tenant_id, destroyed_at=None)
        rows = list(living.exclude(master_key_id=wrapping_id()))
        for row in rows:
            columns = wrap(tenant_id, unwrap(row))
            row.wrapped, row.master_key_id = columns["wrapped"], str(columns["master_key_id"])
            row.save(update_fields=["wrapped", "master_key_id"])
            tell("tenant_key.rewrapped", tenant_id=tenant_id, object_pk=str(row.pk))
    return len(rows)
