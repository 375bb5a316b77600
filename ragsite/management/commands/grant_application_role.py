"""Give the application's role what it needs, and nothing more. Idempotent; run after each migration."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections, transaction
from psycopg import sql

APPEND_ONLY = ("compliance_auditentry",)
# Triggers write these; the application may take a right away, never give one past the grants.
DELETE_ONLY = ("accounts_delegation",)
READ_ONLY = (
    "django_migrations",
    "retrieval_grant",
    "retrieval_right",
    "retrieval_findable_document",
    "retrieval_findable_lexeme",
    "retrieval_reembedding",
)


class Command(BaseCommand):
    help = "Create the application's database role if it is missing and set its privileges."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        role = settings.DATABASES["default"]["USER"]
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            create_role(cursor, role, settings.DATABASES["default"]["PASSWORD"])
            grant(cursor, role)
        self.stdout.write(f"Role {role} may use {connections['owner'].settings_dict['NAME']}.")


def create_role(cursor: Any, role: str, password: str) -> None:
    """Make the role when it is absent; an existing one keeps its password."""
    if cursor.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
        return
    cursor.execute(
        sql.SQL(
            "create role {} login nosuperuser nobypassrls nocreatedb nocreaterole noinherit password {}"
        ).format(sql.Identifier(role), sql.Literal(password))
    )


def grant(cursor: Any, role: str) -> None:
    """Privileges table by table. Partitions get none: their parent's policies would not hold there."""
    name = sql.Identifier(role)
    cursor.execute(sql.SQL("revoke all on all tables in schema public from {}").format(name))
    cursor.execute(sql.SQL("grant usage on schema public to {}").format(name))
    cursor.execute(sql.SQL("grant usage on all sequences in schema public to {}").format(name))
    cursor.execute(
        """select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'public' and c.relkind in ('r', 'p', 'v') and not c.relispartition
             and pg_has_role(current_user, c.relowner, 'usage')"""
    )
    for (table,) in cursor.fetchall():
        if table in READ_ONLY:
            rights = "select"
        elif table in DELETE_ONLY:
            rights = "select, delete"
        elif table in APPEND_ONLY:
            rights = "select, insert"
        else:
            rights = "select, insert, update, delete"
        cursor.execute(sql.SQL("grant {} on {} to {}").format(sql.SQL(rights), sql.Identifier(table), name))
