"""Time, moved by moving what it is held against: nothing sleeps and no trigger sees it, as when it passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql

from ragsite.env import secrets

ENDS = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'expires_at'
     where n.nspname = 'public' and c.relkind = 'r' order by 1"""


@contextmanager
def superuser() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The superuser's connection to the test's own database, each statement committed by itself."""
    owner = settings.DATABASES["owner"]
    with psycopg.connect(
        host=owner["HOST"], port=owner["PORT"] or None, user="postgres", password=secrets()["postgres_password"],
        dbname=str(connections["default"].settings_dict["NAME"]), autocommit=True,
    ) as connection:  # fmt: skip
        yield connection


def time_passes(connection: psycopg.Connection[tuple[object, ...]], by: timedelta) -> None:
    """Bring every end in the database nearer by as much, past the triggers that watch changes.

    Needs rows that are committed. Whatever has an end keeps it in a column of this one name.
    """
    moved = [
        sql.SQL("update {} set expires_at = expires_at - {} where expires_at is not null").format(
            sql.Identifier(str(name)), sql.Literal(by)
        )
        for (name,) in connection.execute(ENDS).fetchall()
    ]
    unseen, seen = (sql.SQL(f"set session_replication_role = {role}") for role in ("replica", "origin"))
    connection.execute(sql.SQL("; ").join([unseen, *moved, seen]))
