"""How code reaches tenant data: inside a transaction that says for whom, or not at all.

Row-level security reads four settings of the transaction: tenant, principals, ceiling and purpose. Without
them every query on a tenant's table fails, so forgetting is safe.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
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


def current_tenant() -> UUID | None:
    """The tenant whose transaction is open; None outside of one."""
    return _tenant.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """What a transaction is for: the settings that row-level security reads."""

    tenant_id: UUID
    principals: tuple[int, ...]
    ceiling: int
    purpose: Purpose

    @classmethod
    def of(cls, scope: AccessScope) -> "_Bounds":
        return cls(
            tenant_id=scope.tenant_id,
            principals=scope.principals,
            ceiling=int(scope.ceiling),
            purpose=Purpose.READ,
        )

    @classmethod
    def managing(cls, tenant_id: UUID) -> "_Bounds":
        return cls(tenant_id=tenant_id, principals=(), ceiling=-1, purpose=Purpose.MANAGE)

    def settings(self) -> dict[str, str]:
        return {
            "bound_tenant": str(self.tenant_id),
            "bound_principals": as_multirange(self.principals),
            "bound_ceiling": str(self.ceiling),
            "bound_purpose": self.purpose.value,
        }


def as_multirange(ids: Iterable[int]) -> str:
    """Ascending ids as PostgreSQL's int8multirange, in which one is found by bisection, not one by one.

    An array is searched from end to end for every row: 33 µs for the 3,000 principals of a person in a
    thousand groups, times the rows.
    """
    ranges: list[list[int]] = []
    for number in ids:
        if ranges and ranges[-1][1] == number:
            ranges[-1][1] = number + 1
        else:
            ranges.append([number, number + 1])
    return "{" + ",".join(f"[{first},{end})" for first, end in ranges) + "}"


BIND = """select set_config('ragsite.tenant', %(bound_tenant)s, true),
                 set_config('ragsite.principals', %(bound_principals)s, true),
                 set_config('ragsite.ceiling', %(bound_ceiling)s, true),
                 set_config('ragsite.purpose', %(bound_purpose)s, true);"""
READ_BACK = """select coalesce(current_setting('ragsite.tenant', true), ''),
                      coalesce(current_setting('ragsite.principals', true), ''),
                      coalesce(current_setting('ragsite.ceiling', true), ''),
                      coalesce(current_setting('ragsite.purpose', true), '')"""
BOUND = ("bound_tenant", "bound_principals", "bound_ceiling", "bound_purpose")


@contextmanager
def _bound(bounds: _Bounds) -> Iterator[None]:
    nested = connection.in_atomic_block
    token = _tenant.set(bounds.tenant_id)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            before = None
            if nested:
                # set_config lasts to the end of the outer transaction, so the inner scope is undone by hand.
                before = cursor.execute(READ_BACK).fetchone()
            cursor.execute(BIND, bounds.settings())
            yield
            if before is not None:
                cursor.execute(BIND, dict(zip(BOUND, before, strict=True)))
    finally:
        _tenant.reset(token)


@contextmanager
def reading(scope: AccessScope) -> Iterator[None]:
    """A transaction that sees what `scope` may read, and nothing else."""
    with _bound(_Bounds.of(scope)):
        yield


@contextmanager
def managing(tenant_id: UUID) -> Iterator[None]:
    """A transaction for the tenant's own work on all its documents; never for answering a person."""
    with _bound(_Bounds.managing(tenant_id)):
        yield


def rows_for(scope: AccessScope, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement, run as inside `reading(scope)`, in a single round trip.

    PostgreSQL runs several statements sent as one text in one transaction, so the settings before it
    hold for the statement and end with it. Inside an open transaction this is `reading(scope)` itself.
    """
    return _rows(_Bounds.of(scope), statement, parameters)


def write_for_tenant(tenant_id: UUID, statements: str, parameters: Mapping[str, Any]) -> None:
    """The same for statements of the tenant's own work; all of them are committed, or none."""
    _rows(_Bounds.managing(tenant_id), statements, parameters)


def _rows(bounds: _Bounds, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    if connection.in_atomic_block:
        with _bound(bounds), connection.cursor() as cursor:
            return _last_rows(cursor.execute(statement, parameters))
    with connection.cursor() as cursor:
        return _last_rows(cursor.execute(BIND + statement, {**parameters, **bounds.settings()}))


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
