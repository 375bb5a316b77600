"""Whose doing it is: set once a request or task, read by every audit entry written under it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditContext:
    """Who acts, from where, under which request."""

    request_id: str = ""
    actor_id: int | None = None
    address: str | None = None  # of the client, from a trusted hop only


_context: ContextVar[AuditContext] = ContextVar("audit_context", default=AuditContext())  # noqa: B039  (frozen)


def current() -> AuditContext:
    return _context.get()


def correlation_id() -> str | None:
    """The request id, for django-auditlog: never the client's header, which may be anything."""
    return _context.get().request_id or None


@contextmanager
def acting(context: AuditContext) -> Iterator[None]:
    """Everything audited inside is attributed to `context`; nests and restores."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)
