"""Test databases: a template migrated once, cloned for each test process."""

import hashlib
from io import StringIO
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from ragsite.env import secrets

BASE = str(settings.DATABASES["owner"]["NAME"])
ROOT = Path(settings.RAGSITE_ROOT)
APPS = ("accounts", "compliance", "retrieval")
LOCK = 20260001  # advisory: one process migrates, the others wait


def schema_digest() -> str:
    """Changes whenever a migration, or what a role is granted, does."""
    files = [path for app in APPS for path in sorted((ROOT / app / "migrations").glob("*.py"))]
    files.append(ROOT / "ragsite/management/commands/grant_application_role.py")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def template_name() -> str:
    return f"{BASE}_template_{schema_digest()}"


def maintenance() -> psycopg.Connection[tuple[object, ...]]:
    """The superuser's connection: she alone may end other roles' sessions before a database goes."""
    owner = settings.DATABASES["owner"]
    return psycopg.connect(
        host=owner["HOST"], port=owner["PORT"] or None, user="postgres", password=secrets()["postgres_password"],
        dbname="postgres", autocommit=True,
    )  # fmt: skip


def owner_role() -> sql.Identifier:
    return sql.Identifier(str(settings.DATABASES["owner"]["USER"]))


def use(name: str) -> None:
    """Point every Django connection at a database; pools to the old one are closed."""
    for alias in connections:
        connection = connections[alias]
        connection.close()
        if getattr(connection, "pool", None):
            connection.close_pool()  # type: ignore[attr-defined]
        connection.settings_dict["NAME"] = name


def exists(server: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    return server.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None


def prepare_template() -> None:
    """Migrate a template for the present schema, once among all test processes."""
    name = template_name()
    with maintenance() as server:
        server.execute("select pg_advisory_lock(%s)", [LOCK])
        if exists(server, name):
            return
        building = f"{name}_building"
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(building)))
        server.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(building), owner_role()))
        use(building)
        call_command("migrate", database="owner", verbosity=0, skip_checks=True)
        call_command("grant_application_role", stdout=StringIO())
        use("postgres")
        server.execute(
            sql.SQL("alter database {} rename to {}").format(sql.Identifier(building), sql.Identifier(name))
        )


def clone_for(worker: str) -> None:
    """A fresh database for one test process; an older one of the same name is thrown away."""
    name = f"{BASE}_test_{worker}"
    use("postgres")
    with maintenance() as server:
        # One clone at a time: a template may not be in use while it is copied.
        server.execute("select pg_advisory_lock(%s)", [LOCK])
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        server.execute(
            sql.SQL("create database {} owner {} template {}").format(
                sql.Identifier(name), owner_role(), sql.Identifier(template_name())
            )
        )
        # As in an installation: whoever may make temporary tables may shadow ours below privileged functions.
        server.execute(sql.SQL("revoke temporary on database {} from public").format(sql.Identifier(name)))
    use(name)


def drop(worker: str) -> None:
    use("postgres")
    with maintenance() as server:
        server.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(f"{BASE}_test_{worker}"))
        )
