"""How code reaches tenant data: inside a transaction that says for whom, or not at all.

Row-level security reads three settings of the transaction: tenant, principals and purpose. Without
them every query on a tenant's table fails, so forgetting is safe.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from enum import StrEnum
from functools import lru_cache, partial, wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import connection, transaction

from accounts.scope import AccessScope

CONNECTIONS = 8  # of a process whose settings do not say

P = ParamSpec("P")
T = TypeVar("T")


class Purpose(StrEnum):
    READ = "read"  # one person's view: documents her principals may read
    MANAGE = "manage"  # the tenant's own work on its documents: ingestion, administration, audit


_tenant: ContextVar[UUID | None] = ContextVar("ragsite_tenant", default=None)

BIND = """select set_config('ragsite.tenant', %s, true), set_config('ragsite.principals', %s, true),
                 set_config('ragsite.purpose', %s, true)"""
READ_BACK = """select coalesce(current_setting('ragsite.tenant', true), ''),
                      coalesce(current_setting('ragsite.principals', true), ''),
                      coalesce(current_setting('ragsite.purpose', true), '')"""


def current_tenant() -> UUID | None:
    """The tenant whose transaction is open; None outside of one."""
    return _tenant.get()


@contextmanager
def _bound(tenant_id: UUID, principals: Iterable[int], purpose: Purpose) -> Iterator[None]:
    nested = connection.in_atomic_block
    token = _tenant.set(tenant_id)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            before = None
            if nested:
                # set_config lasts to the end of the outer transaction, so the inner scope is undone by hand.
                before = cursor.execute(READ_BACK).fetchone()
            listed = "{" + ",".join(map(str, principals)) + "}"
            cursor.execute(BIND, [str(tenant_id), listed, purpose.value])
            yield
            if before is not None:
                cursor.execute(BIND, before)
    finally:
        _tenant.reset(token)


@contextmanager
def reading(scope: AccessScope) -> Iterator[None]:
    """A transaction that sees what `scope` may read, and nothing else."""
    with _bound(scope.tenant_id, scope.principals, Purpose.READ):
        yield


@contextmanager
def managing(tenant_id: UUID) -> Iterator[None]:
    """A transaction for the tenant's own work on all its documents; never for answering a person."""
    with _bound(tenant_id, (), Purpose.MANAGE):
        yield


BIND_NAMED = """select set_config('ragsite.tenant', %(bound_tenant)s, true),
                          set_config('ragsite.principals', %(bound_principals)s, true),
                          set_config('ragsite.purpose', %(bound_purpose)s, true);"""


def rows_for(scope: AccessScope, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement, run as inside `reading(scope)`, in a single round trip.

    PostgreSQL runs several statements sent as one text in one transaction, so the settings before it
    hold for the statement and end with it. Inside an open transaction this is `reading(scope)` itself.
    """
    return _rows(scope.tenant_id, scope.principals, Purpose.READ, statement, parameters)


def write_for_tenant(tenant_id: UUID, statements: str, parameters: Mapping[str, Any]) -> None:
    """The same for statements of the tenant's own work; all of them are committed, or none."""
    _rows(tenant_id, (), Purpose.MANAGE, statements, parameters)


def _rows(
    tenant_id: UUID,
    principals: Iterable[int],
    purpose: Purpose,
    statement: str,
    parameters: Mapping[str, Any],
) -> list[tuple[Any, ...]]:
    if connection.in_atomic_block:
        with _bound(tenant_id, principals, purpose), connection.cursor() as cursor:
            return _last_rows(cursor.execute(statement, parameters))
    bound = {
        "bound_tenant": str(tenant_id),
        "bound_principals": "{" + ",".join(map(str, principals)) + "}",
        "bound_purpose": purpose.value,
    }
    with connection.cursor() as cursor:
        return _last_rows(cursor.execute(BIND_NAMED + statement, {**parameters, **bound}))


def _last_rows(cursor: Any) -> list[tuple[Any, ...]]:
    """What the last of several statements returned; nothing for one that returns nothing."""
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else []


def database_unit(function: Callable[P, T]) -> Callable[P, T]:
    """Give the connection back to the pool when `function` ends, in the thread that took it.

    A connection left open would be held until the request ends, which for a stream is minutes.
    """

    @wraps(function)
    def unit(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return unit


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one short piece of database work off the event loop; no connection outlives it.

    On a bounded set of threads, so that a crowd of requests waits for a thread and not, with an error
    at the end, for a connection. Below `async_to_sync` it runs in the caller's thread, where the
    transaction of a test or command is.
    """
    if getattr(AsyncToSync.executors, "current", None) is not None:
        return await sync_to_async(database_unit(function))(*args, **kwargs)
    context = copy_context()
    work = partial(context.run, database_unit(function), *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """As many threads as there are connections in this process's pool."""
    pool = connection.settings_dict["OPTIONS"].get("pool")
    size = pool["max_size"] if isinstance(pool, dict) else CONNECTIONS
    return ThreadPoolExecutor(max_workers=size, thread_name_prefix="database")
