"""The database's roles: an owner for migrations, an application role that owns nothing."""

from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from ragsite.embedded.errors import CannotStart
from ragsite.embedded.postgres import SUPERUSER

DATABASE = "ragsite"
OWNER = "ragsite_owner"
APPLICATION = f"{DATABASE}_app"

POWERLESS = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION"


def ensure_roles(run: Path, secrets: Mapping[str, str]) -> None:
    """Make both roles and the database, with pgvector there and in every database made later.

    run: the folder of the server's socket.
    """
    with _connect(run, secrets, "postgres") as connection:
        _ensure_role(connection, OWNER, f"{POWERLESS} CREATEDB", secrets["owner_password"])
        _ensure_role(connection, APPLICATION, f"{POWERLESS} NOCREATEDB", secrets["application_password"])
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            return
    # pgvector is no trusted extension: the owner cannot create it, not even in a test's database.
    with _connect(run, secrets, "template1") as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    with _connect(run, secrets, "postgres") as connection:
        _create_database(connection)


def _create_database(connection: psycopg.Connection) -> None:
    names = {"database": sql.Identifier(DATABASE), "owner": sql.Identifier(OWNER)}
    names["application"] = sql.Identifier(APPLICATION)
    for statement in (
        "CREATE DATABASE {database} OWNER {owner}",
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {application}",
    ):
        connection.execute(sql.SQL(statement).format(**names))


def _ensure_role(connection: psycopg.Connection, name: str, attributes: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    connection.execute(
        sql.SQL("{verb} ROLE {name} WITH {attributes} PASSWORD {password}").format(
            verb=sql.SQL("ALTER" if known else "CREATE"),
            name=sql.Identifier(name),
            attributes=sql.SQL(attributes),
            password=sql.Literal(password),
        )
    )


def _connect(run: Path, secrets: Mapping[str, str], database: str) -> psycopg.Connection:
    try:
        return psycopg.connect(
            host=str(run),
            user=SUPERUSER,
            password=secrets["postgres_password"],
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise CannotStart(
                "The secrets file does not fit the database beside it; restore both from one backup."
            ) from None
        raise CannotStart(f"PostgreSQL does not let us in: {str(error).splitlines()[-1]}") from error
