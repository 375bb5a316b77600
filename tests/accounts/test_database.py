"""Transactions that say for whom, and what is left of them afterwards: nothing."""

import asyncio
import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.database import in_database, managing, reading, rows_for, write_for_tenant
from compliance.audit.append import append
from compliance.models import AuditEntry
from retrieval.models import Document
from tests.factories import a_collection, a_document, a_group, a_scope, a_tenant

TITLES = "select title from retrieval_document order by title"


def a_world():
    tenant = a_tenant()
    group = a_group(tenant)
    shelf = a_collection(tenant)
    a_document(shelf, "mine", readers=(group,), title="mine")
    a_document(shelf, "not mine", title="not mine")
    return tenant, a_scope(tenant, groups=(group,))


@pytest.mark.django_db
def test_a_statement_in_an_open_transaction_sees_what_the_scope_may_read():
    _tenant, scope = a_world()

    assert rows_for(scope, TITLES, {}) == [("mine",)]


def test_a_statement_of_its_own_sees_the_same_and_leaves_no_settings_behind(committed):
    _tenant, scope = a_world()

    assert not connection.in_atomic_block
    assert rows_for(scope, TITLES, {}) == [("mine",)]
    assert rows_for(scope, "select 1 where false", {}) == []
    with pytest.raises(DatabaseError):
        Document.objects.count()


def test_statements_sent_together_are_committed_together_or_not_at_all(committed):
    tenant, _ = a_world()
    statement = "update retrieval_document set title = 'changed'; select 1 / 0"
    with pytest.raises(DatabaseError):
        write_for_tenant(tenant.pk, statement, {})

    with managing(tenant.pk):
        assert not Document.objects.filter(title="changed").exists()


def test_a_parameter_cannot_carry_a_statement(committed):
    """T-23: what is sent as one text is put together from constants; values are quoted."""
    tenant, scope = a_world()
    hostile = "x'; update retrieval_document set title = 'taken'; select '"
    rows_for(scope, "select title from retrieval_document where title = %(title)s", {"title": hostile})

    with managing(tenant.pk):
        assert not Document.objects.filter(title="taken").exists()


def test_a_durable_entry_does_not_hang_on_another_transaction(committed):
    tenant, _scope = a_world()
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        append(tenant_id=tenant.pk, event="x.happened", request_id=uuid.uuid4(), actor_id=1)


def test_an_appended_entry_is_there_whatever_happens_next(committed):
    tenant, _scope = a_world()
    append(tenant_id=tenant.pk, event="x.happened", request_id="r", actor_id=7, details={"a": 1})
    connection.close()

    with managing(tenant.pk):
        entry = AuditEntry.objects.get(event="x.happened")
        assert (entry.actor_id, entry.cid, entry.additional_data) == (7, "r", {"a": 1})
        assert bytes(entry.digest) == entry.compute_digest()


def test_database_work_of_a_coroutine_gives_its_connection_back(committed):
    _, scope = a_world()

    async def ask_twenty() -> list[object]:
        return await asyncio.gather(*(in_database(rows_for, scope, TITLES, {}) for _ in range(20)))

    connection.close()
    assert asyncio.run(ask_twenty()) == [[("mine",)]] * 20
    pool = connection.pool
    assert pool is not None
    taken = [pool.getconn(timeout=10) for _ in range(pool.max_size)]
    for back in taken:
        pool.putconn(back)
    assert len(taken) == pool.max_size


def test_cancelled_work_never_leaves_its_settings_to_the_next(committed):
    """T-30, for the database: after cancellations at every point each scope still gets its own rows."""
    _, scope = a_world()
    nobody = a_scope(a_tenant())

    async def one(number: int) -> None:
        work = asyncio.ensure_future(in_database(rows_for, scope, TITLES, {}))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait({work})
        assert await in_database(rows_for, nobody, TITLES, {}) == []

    async def all_of_them() -> None:
        for number in range(40):
            await one(number)

    asyncio.run(all_of_them())


@pytest.mark.django_db
def test_reading_inside_managing_narrows_and_comes_back():
    tenant, scope = a_world()
    with managing(tenant.pk):
        with reading(scope):
            assert Document.objects.count() == 1
        assert Document.objects.count() == 2
