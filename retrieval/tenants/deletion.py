"""A tenant deleted with everything it owns: rows, files, and accounts of people who belong nowhere else.

In batches, each its own transaction, under the application's role: row-level security holds here too,
so nothing of another tenant can go. What is cut short is taken up again by deleting anew.
"""

import shutil
from collections import Counter
from pathlib import Path
from uuid import UUID

import structlog
from auditlog.context import disable_auditlog
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection

from accounts.database import managing
from accounts.models import Membership, Tenant, User
from accounts.tenant_keys import destroy_keys
from accounts.tenant_life import suspend_tenant
from compliance.audit.append import append
from compliance.audit.context import current
from retrieval.ingestion import vault
from retrieval.tenants.export import exports_of
from retrieval.tenants.ownership import OwnedTable, owned_tables

log = structlog.get_logger()

ROWS_PER_BATCH = 5_000
USERS_PER_BATCH = 200

# A trigger keeps the last owner, unless the tenant itself is going.
GOING = "select set_config('ragsite.deleting', %s, true)"
GROUPS = "select group_ptr_id from accounts_group where tenant_id = %(tenant)s limit %(most)s"
OF_GROUPS = (
    "delete from accounts_user_groups where group_id = any(%(ids)s)",
    "delete from accounts_groupnesting where outer_id = any(%(ids)s) or inner_id = any(%(ids)s)",
    "delete from retrieval_documentgroupobjectpermission where group_id = any(%(ids)s)",
    "delete from retrieval_collectiongroupobjectpermission where group_id = any(%(ids)s)",
    "delete from accounts_delegation where holder_id = any(%(ids)s)",
    "delete from accounts_group where group_ptr_id = any(%(ids)s)",
    "delete from auth_group where id = any(%(ids)s)",
    "delete from accounts_principal where id = any(%(ids)s) and kind = 'group'",
)
# Principals without the row they stand for; whatever tenant it was, there is none in a sound database.
LEFT_BEHIND = {
    "principals of groups": "select count(*) from accounts_principal p where kind = 'group' "
    "and not exists (select 1 from accounts_group g where g.group_ptr_id = p.id)",
    "principals of people": "select count(*) from accounts_principal p where kind = 'user' "
    "and not exists (select 1 from accounts_user u where u.id = p.id)",
}


def delete_tenant(tenant: Tenant, by: User | None = None) -> Counter[str]:
    """Delete the tenant and everything of it; returns how many rows of each table went.

    The audit trail stays, with one entry more. Raises RuntimeError when something was left.
    """
    suspend_tenant(tenant, by)
    # First of all: from here on no file of it can be read, not even in a backup of the storage.
    destroy_keys(tenant.pk)
    tables = owned_tables()
    gone: Counter[str] = Counter()
    for table in tables:
        if not table.name.startswith("accounts_"):
            gone[table.name] += delete_rows(tenant.pk, table)
    gone["accounts_user"] += delete_people(tenant.pk)
    gone["accounts_group"] += delete_groups(tenant.pk)
    for table in tables:
        gone[table.name] += delete_rows(tenant.pk, table)
    finish(tenant, tables, by, gone)
    delete_files(tenant.pk)
    left = remaining(tenant.pk)
    if left:
        raise RuntimeError(f"Tenant '{tenant.slug}' left something behind: {left}. Delete it again.")
    log.info("tenant.deleted", tenant_id=str(tenant.pk), rows=gone.total())
    return gone


def remaining(tenant_id: UUID) -> dict[str, int]:
    """What is left of a tenant, by table and folder; empty when it is gone. The audit trail does not count."""
    left: dict[str, int] = {}
    with managing(tenant_id), connection.cursor() as cursor:
        for table in owned_tables():
            left[table.name] = cursor.execute(table.count(), {"tenant": tenant_id}).fetchone()[0]
        for name, statement in LEFT_BEHIND.items():
            left[name] = cursor.execute(statement).fetchone()[0]
        left["accounts_tenant"] = Tenant.objects.filter(pk=tenant_id).count()
    left["originals"] = sum(1 for _ in vault.names(tenant_id))
    for folder in folders_of(tenant_id):
        left[f"files in {folder.parent.name}"] = sum(1 for _ in folder.rglob("*")) if folder.exists() else 0
    return {name: count for name, count in left.items() if count}


def delete_rows(tenant_id: UUID, table: OwnedTable) -> int:
    deleted = 0
    while batch := delete_batch(tenant_id, table):
        deleted += batch
    return deleted


def delete_batch(tenant_id: UUID, table: OwnedTable) -> int:
    with managing(tenant_id), connection.cursor() as cursor:
        cursor.execute(GOING, [str(tenant_id)])
        cursor.execute(table.delete(), {"tenant": tenant_id, "most": ROWS_PER_BATCH})
        return int(cursor.rowcount)


def delete_people(tenant_id: UUID) -> int:
    """Accounts that belong here and nowhere else; a platform administrator's stays."""
    deleted = 0
    elsewhere = Membership.objects.exclude(tenant_id=tenant_id).values("user_id")
    here = Membership.objects.filter(tenant_id=tenant_id, user__is_superuser=False)
    while people := list(
        here.exclude(user_id__in=elsewhere).values_list("user_id", flat=True)[:USERS_PER_BATCH]
    ):
        for user_id in people:
            deleted += delete_person(tenant_id, user_id)
    return deleted


def delete_person(tenant_id: UUID, user_id: int) -> bool:
    """Delete one account; one that left something in another tenant is closed and leaves this one."""
    try:
        with managing(tenant_id), disable_auditlog(), connection.cursor() as cursor:
            cursor.execute(GOING, [str(tenant_id)])
            User.objects.filter(pk=user_id).delete()
            cursor.execute("delete from accounts_principal where id = %s and kind = 'user'", [user_id])
            # Now and not at the commit, whose failure nobody here could catch.
            cursor.execute("set constraints all immediate")
            return True
    except IntegrityError:
        with managing(tenant_id), disable_auditlog(), connection.cursor() as cursor:
            cursor.execute(GOING, [str(tenant_id)])
            User.objects.filter(pk=user_id).update(is_active=False)
            Membership.objects.filter(tenant_id=tenant_id, user_id=user_id).delete()
        return False


def delete_groups(tenant_id: UUID) -> int:
    deleted = 0
    while True:
        with managing(tenant_id), connection.cursor() as cursor:
            rows = cursor.execute(GROUPS, {"tenant": tenant_id, "most": USERS_PER_BATCH}).fetchall()
            if not rows:
                return deleted
            for statement in OF_GROUPS:
                cursor.execute(statement, {"ids": [row[0] for row in rows]})
            deleted += len(rows)


def finish(tenant: Tenant, tables: list[OwnedTable], by: User | None, gone: Counter[str]) -> None:
    """The tenant's own row, with whatever came up meanwhile, and the entry that says so: all or none."""
    with managing(tenant.pk), connection.cursor() as cursor:
        cursor.execute(GOING, [str(tenant.pk)])
        Tenant.objects.select_for_update().filter(pk=tenant.pk).first()
        for table in tables:
            cursor.execute(table.delete(), {"tenant": tenant.pk, "most": ROWS_PER_BATCH})
        cursor.execute("delete from accounts_tenant where id = %s", [tenant.pk])
        append(
            tenant_id=tenant.pk,
            event="tenant.deleted",
            request_id=current().request_id,
            actor_id=by.pk if by else None,
            object_pk=str(tenant.pk),
            details={"rows": {name: count for name, count in gone.items() if count}},
            durable=False,
        )


def folders_of(tenant_id: UUID) -> list[Path]:
    """Every folder with files of the tenant."""
    return [Path(default_storage.path(str(tenant_id))), exports_of(tenant_id)]


def delete_files(tenant_id: UUID) -> None:
    for name, _ in vault.names(tenant_id):
        vault.delete(name)
    for folder in folders_of(tenant_id):
        shutil.rmtree(folder, ignore_errors=True)
