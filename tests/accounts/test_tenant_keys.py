"""Keys of tenants: each its own, wrapped, and gone when they should be."""

import secrets
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from accounts import tenant_keys
from accounts.database import managing, reading
from accounts.models import TenantKey
from accounts.tenant_keys import CACHED_MAX, DataKey, KeyUnavailable, cache, key_of_version, newest_key
from compliance.models import AuditEntry
from tests.factories import a_scope, a_tenant

IN_A_TRANSACTION = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()
    yield
    cache.clear()


def rotate() -> str:
    said = StringIO()
    call_command("rotate_master_key", stdout=said)
    return said.getvalue()


@IN_A_TRANSACTION
def test_a_tenant_has_one_key_of_its_own():
    one, other = a_tenant(), a_tenant()

    assert newest_key(one.pk) == newest_key(one.pk)
    assert newest_key(one.pk).secret != newest_key(other.pk).secret
    cache.clear()
    assert key_of_version(one.pk, 1) == newest_key(one.pk)


@IN_A_TRANSACTION
def test_the_table_holds_no_key():
    tenant = a_tenant()
    key = newest_key(tenant.pk)
    with managing(tenant.pk):
        row = TenantKey.objects.get()

    assert key.secret not in bytes(row.wrapped)
    assert key.secret.hex() not in repr(key)


@IN_A_TRANSACTION
def test_only_work_on_the_tenants_own_behalf_sees_a_key():
    tenant, other = a_tenant(), a_tenant()
    newest_key(tenant.pk)

    with reading(a_scope(tenant)):
        assert not TenantKey.objects.exists()
    with managing(other.pk):
        assert not TenantKey.objects.exists()
    with pytest.raises(DatabaseError), transaction.atomic():
        TenantKey.objects.count()


@IN_A_TRANSACTION
def test_after_a_rotation_the_old_master_key_is_needed_no_more(settings):
    tenants = [a_tenant(), a_tenant()]
    keys = [newest_key(tenant.pk) for tenant in tenants]
    old = settings.RAGSITE_MASTER_KEYS
    settings.RAGSITE_MASTER_KEYS = {"new": secrets.token_bytes(32), **old}

    assert rotate() == "2 keys were wrapped anew under the master key 'new'.\n"
    assert rotate() == "0 keys were wrapped anew under the master key 'new'.\n"

    settings.RAGSITE_MASTER_KEYS = {"new": settings.RAGSITE_MASTER_KEYS["new"]}
    cache.clear()
    assert [newest_key(tenant.pk) for tenant in tenants] == keys
    with managing(tenants[0].pk):
        assert AuditEntry.objects.filter(event="tenant_key.rewrapped").count() == 1


@IN_A_TRANSACTION
def test_a_rotation_without_the_old_master_key_says_so_and_changes_nothing(settings):
    tenant = a_tenant()
    key = newest_key(tenant.pk)
    old = settings.RAGSITE_MASTER_KEYS
    settings.RAGSITE_MASTER_KEYS = {"new": secrets.token_bytes(32)}

    with pytest.raises(CommandError, match="is not among those of RAGSITE_MASTER_KEY"):
        rotate()
    settings.RAGSITE_MASTER_KEYS = old
    cache.clear()
    assert newest_key(tenant.pk) == key


@IN_A_TRANSACTION
def test_another_master_key_under_the_same_id_opens_nothing(settings):
    tenant = a_tenant()
    newest_key(tenant.pk)
    cache.clear()
    settings.RAGSITE_MASTER_KEYS = dict.fromkeys(settings.RAGSITE_MASTER_KEYS, secrets.token_bytes(32))

    with pytest.raises(KeyUnavailable, match="does not open"):
        newest_key(tenant.pk)


@IN_A_TRANSACTION
def test_without_a_master_key_nothing_is_made(settings):
    settings.RAGSITE_MASTER_KEYS = {}

    with pytest.raises(KeyUnavailable, match="There is no master key"):
        newest_key(a_tenant().pk)


@IN_A_TRANSACTION
def test_a_destroyed_key_leaves_nothing_in_the_row_and_comes_back_no_more():
    tenant = a_tenant()
    newest_key(tenant.pk)

    assert tenant_keys.destroy_keys(tenant.pk) == 1
    with managing(tenant.pk):
        row = TenantKey.objects.get()
    assert bytes(row.wrapped) == b""
    for find in (newest_key, lambda tenant_id: key_of_version(tenant_id, 1)):
        with pytest.raises(KeyUnavailable, match="destroyed"):
            find(tenant.pk)
    with pytest.raises(DatabaseError), managing(tenant.pk):
        TenantKey.objects.update(wrapped=b"again")


def test_a_key_is_remembered_for_a_minute_at_most(committed, monkeypatch):
    tenant = a_tenant()
    key = newest_key(tenant.pk)
    with managing(tenant.pk):
        TenantKey.objects.all().delete()
    now = tenant_keys.time.monotonic()

    monkeypatch.setattr(tenant_keys.time, "monotonic", lambda: now + 59)
    assert newest_key(tenant.pk) is key
    monkeypatch.setattr(tenant_keys.time, "monotonic", lambda: now + 61)
    assert cache.find(tenant.pk, None) is None


def test_a_key_whose_row_was_rolled_back_encrypts_nothing(committed):
    tenant = a_tenant()
    with managing(tenant.pk):
        lost = newest_key(tenant.pk)
        assert newest_key(tenant.pk) == lost
        transaction.set_rollback(True)

    key = newest_key(tenant.pk)
    assert key != lost
    cache.clear()
    assert newest_key(tenant.pk) == key


@IN_A_TRANSACTION
def test_no_more_keys_are_remembered_than_fit():
    tenant = a_tenant()
    for version in range(CACHED_MAX + 10):
        cache.keep(tenant.pk, version, DataKey(version=version, secret=b"k" * 32))

    assert cache.find(tenant.pk, 9) is None
    assert cache.find(tenant.pk, CACHED_MAX + 9) is not None
    assert len(cache._kept) == CACHED_MAX
