"""T-28 to T-30 of the checklist: the database's version and roles, and replies that reach whom they are for."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection, connections
from psycopg import sql

from accounts.database import in_database, managing, reading, rows_for
from ragsite import checks
from ragsite.env import secrets
from retrieval.cache import answers
from retrieval.cache.keys import evidence_key
from retrieval.interfaces import Miss
from retrieval.models import CachedAnswer, Document
from tests.factories import a_collection, a_document, a_group, a_member, a_scope, a_tenant, everyone
from tests.retrieval.cache.test_answers import a_query, an_answer, evidence_of
from tests.security.open_flow import CONFIGURATION, SECRET_OF_KEYS, one_configuration
from tests.security.rights_world import sync
from tests.support.clock import superuser

ROOT = Path(settings.RAGSITE_ROOT)
PACKAGES = ("accounts", "compliance", "retrieval", "ragsite")

# --- T-28 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.8.1", "0.8.0", "0.7.4", "0.5"])
def test_t28_a_start_on_an_old_pgvector_is_refused(committed, version):
    with superuser() as root:
        root.execute("set allow_system_table_mods = on")
        root.execute("update pg_extension set extversion = %s where extname = 'vector'", [version])

    with pytest.raises(SystemExit, match=rf"pgvector 0\.8\.2 or newer is needed; found {re.escape(version)}"):
        checks.refuse_to_serve_unsafely()


def test_t28_a_start_without_pgvector_is_refused(committed):
    with superuser() as root:
        root.execute("drop extension vector cascade")

    with pytest.raises(SystemExit, match="found none"):
        checks.refuse_to_serve_unsafely()


@pytest.mark.django_db
def test_t28_and_t29_this_database_is_good_enough_to_start_on():
    checks.refuse_to_serve_unsafely()


@pytest.mark.django_db
def test_t28_no_index_is_of_the_kind_that_was_mended_last():
    with connection.cursor() as cursor:
        kinds = cursor.execute(
            "select distinct amname from pg_class c join pg_am a on a.oid = c.relam"
        ).fetchall()
    assert ("hnsw",) in kinds
    assert ("ivfflat",) not in kinds


# --- T-29 -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_t29_the_serving_role_owns_nothing_bypasses_nothing_and_can_become_nobody_else():
    with connection.cursor() as cursor:
        row = cursor.execute(
            """select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
                      (select count(*) from pg_class where relowner = r.oid),
                      (select count(*) from pg_auth_members where member = r.oid)
                 from pg_roles r where rolname = current_user"""
        ).fetchone()

    assert row == (False, False, False, False, False, 0, 0)


def test_t29_the_owners_own_role_is_refused(committed, monkeypatch):
    monkeypatch.setattr(checks, "connection", connections["owner"])

    with pytest.raises(SystemExit, match="walk around row-level security"):
        checks.refuse_to_serve_unsafely()


@pytest.mark.parametrize("unsafe", ["bypassrls", "superuser", "in role {owner}", "in role postgres"])
def test_t29_the_web_process_does_not_start_under_a_role_that_could_walk_around(committed, unsafe):
    role = f"ragsite_unsafe_{os.getpid()}"
    owner = sql.Identifier(str(settings.DATABASES["owner"]["USER"]))
    with superuser() as root:
        given = sql.SQL(unsafe).format(owner=owner)
        root.execute(
            sql.SQL("create role {} login noinherit password {} {}").format(
                sql.Identifier(role), sql.Literal(secrets()["application_password"]), given
            )
        )
        try:
            database = sql.Identifier(str(connection.settings_dict["NAME"]))
            root.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(role)))
            ended = start_web_process_as(role)
        finally:
            for statement in ("drop owned by {}", "drop role {}"):
                root.execute(sql.SQL(statement).format(sql.Identifier(role)))

    assert ended.returncode != 0
    assert "walk around row-level security" in ended.stderr


def start_web_process_as(role: str) -> "subprocess.CompletedProcess[str]":
    owner = settings.DATABASES["owner"]
    address = (
        f"postgresql://{owner['USER']}:{quote(str(owner['PASSWORD']))}@/{connection.settings_dict['NAME']}"
        f"?host={quote(str(owner['HOST']))}"
    )
    return subprocess.run(
        [sys.executable, "-c", "import ragsite.asgi"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": address, "RAGSITE_APPLICATION_ROLE": role},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- T-30 -----------------------------------------------------------------------------------------


def reply(number: int) -> int:
    """A command that takes a moment in the server and answers with its own number."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(0.002), %s::integer", [number])
        return int(cursor.fetchone()[1])


async def cancelled_somewhere(number: int, random: Random) -> None:
    work = asyncio.ensure_future(in_database(reply, -number))
    for _ in range(random.choice([0, 1, 2, 5])):
        await asyncio.sleep(0)
    await asyncio.wait({work}, timeout=random.uniform(0, 0.004))
    work.cancel()
    await asyncio.wait({work})


async def rounds(seed: int) -> list[bool]:
    random = Random(seed)
    answered = []
    for start in range(0, 400, 8):
        numbers = range(start + 1, start + 9)
        await asyncio.gather(*(cancelled_somewhere(number, random) for number in numbers))
        replies = await asyncio.gather(*(in_database(reply, number) for number in numbers))
        answered.append(replies == list(numbers))
    return answered


@pytest.mark.parametrize("seed", range(2))
def test_t30_after_cancellations_every_command_gets_its_own_reply(committed, seed):
    connection.close()

    assert all(asyncio.run(rounds(seed)))


def test_t30_after_cancellations_everybody_still_sees_her_own_rows_only(committed):
    tenants = [a_tenant() for _ in range(3)]
    scopes = []
    for number, tenant in enumerate(tenants):
        a_document(a_collection(tenant, readers=(everyone(tenant),)), "words", title=f"of {number}")
        scopes.append(a_scope(tenant))
    connection.close()
    titles = "select title from retrieval_document, pg_sleep(0.001) order by title"

    async def all_of_them() -> None:
        random = Random(1)
        for _ in range(40):
            works = [
                asyncio.ensure_future(in_database(rows_for, random.choice(scopes), titles, {}))
                for _ in range(6)
            ]
            await asyncio.wait(works, timeout=random.uniform(0, 0.004))
            for work in works:
                work.cancel()
            await asyncio.wait(works)
            number = random.randrange(3)
            assert await in_database(rows_for, scopes[number], titles, {}) == [(f"of {number}",)]

    asyncio.run(all_of_them())


def test_t30_nothing_speaks_to_redis_asynchronously():
    """Its asynchronous client is the one whose cancelled commands left replies behind; the sync one is used."""
    found = [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"redis\.asyncio|aioredis|import asyncio as redis", path.read_text())
    ]
    assert found == []


@pytest.mark.django_db
def test_t30_a_cached_answer_carries_its_tenant_and_evidence_and_both_are_held_against_the_reader():
    """A row that came to stand under somebody else's key or tenant is not given out."""
    tenant, other = a_tenant(), a_tenant()
    group = a_group(tenant)
    document = a_document(a_collection(tenant), "closed", readers=(group,))
    reader, colleague, stranger = a_scope(tenant, groups=(group,)), a_scope(tenant), a_scope(other)
    cache, evidence = answers.PostgresAnswerCache(SECRET_OF_KEYS, one_configuration), evidence_of(document)
    assert sync(cache.store, a_query(reader), evidence, an_answer(evidence), Miss(epoch=0))
    key = evidence_key(SECRET_OF_KEYS, a_query(reader), evidence, CONFIGURATION)

    assert answers.find_by_evidence(reader, key) is not None
    assert answers.find_by_evidence(colleague, key) is None
    assert answers.find_by_evidence(stranger, key) is None
    with managing(tenant.pk):
        stored = CachedAnswer.objects.get()
    stored.pk, stored.tenant_id = None, other.pk
    stored.id = document.pk
    with managing(other.pk):
        stored.save(force_insert=True)
    assert answers.find_by_evidence(stranger, key) is None
    with reading(stranger):
        assert not CachedAnswer.objects.exists()
        assert not Document.objects.exists()
    assert a_member(other).tenant_id == other.pk
