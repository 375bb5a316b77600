"""Who may work on a version: leases in PostgreSQL, renewed by progress and by nothing else.

A worker that hangs or dies loses its lease, and what it writes afterwards is refused, since every write
asks for the token first (a fencing token; Kleppmann 2016). No clock of a worker is asked: time is the
database's.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from accounts.database import managing
from accounts.models import Tenant
from retrieval.errors import RetrievalError
from retrieval.models import Document, Ingestion

State = Ingestion.State

# Longer than any step may stay silent: the reading of one page, the embedding of one batch.
LEASE = timedelta(seconds=75)
ATTEMPTS_MAX = 6  # without any progress between them
BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=5), timedelta(minutes=10)

TAKE = """
update retrieval_ingestion i
   set lease_token = %(token)s, lease_until = statement_timestamp() + %(length)s, attempts = i.attempts + 1,
       reason = '', state = 'scanning', started_at = coalesce(i.started_at, statement_timestamp())
  from accounts_tenant t
 where t.id = i.tenant_id and t.state = 'active' and i.tenant_id = %(tenant)s and i.document_id = %(document)s
   and (i.state = 'received' and i.next_try_at <= statement_timestamp() or i.lease_until < statement_timestamp())
   and i.attempts < %(most)s
returning i.version_id
"""
# Whose workers were gone each time: the file itself may be what stops them.
GIVEN_UP = """
update retrieval_ingestion
   set state = 'failed', lease_token = null, lease_until = null, ended_at = statement_timestamp(), reason = %(reason)s
 where tenant_id = %(tenant)s and attempts >= %(most)s
   and (state = 'received' and next_try_at <= statement_timestamp() or lease_until < statement_timestamp())
returning document_id
"""
RETURNED = """
update retrieval_ingestion
   set state = 'received', lease_token = null, lease_until = null, next_try_at = statement_timestamp(), queued_at = null
 where tenant_id = %(tenant)s and lease_until < statement_timestamp()
returning document_id
"""


class LeaseLost(RetrievalError):
    """Somebody else has the version now, or a newer one took its place."""

    code = "lease_lost"


class Suspended(RetrievalError):
    """The tenant was suspended meanwhile."""

    code = "suspended"
    permanent = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write about one version, for as long as its token is the one in the database."""

    tenant_id: UUID
    document_id: UUID
    version_id: UUID
    token: UUID


def take(tenant_id: UUID, document_id: UUID) -> Lease | None:
    """A lease on the version of a document that waits or was abandoned; of two workers one gets it.

    None: there is nothing to do, somebody does it, or the tenant is suspended.
    """
    token = uuid.uuid4()
    asked: dict[str, Any] = {
        "token": token, "length": LEASE, "tenant": tenant_id, "document": document_id, "most": ATTEMPTS_MAX,
    }  # fmt: skip
    with managing(tenant_id), connection.cursor() as cursor:
        _lock(document_id)
        taken = cursor.execute(TAKE, asked).fetchone()
        if taken is None:
            return None
        _say(document_id, State.SCANNING)
    return Lease(tenant_id=tenant_id, document_id=document_id, version_id=taken[0], token=token)


@contextmanager
def holding(lease: Lease, *, progress: bool = False) -> Iterator[Ingestion]:
    """A transaction in which the lease is certain; what is set on the ingestion is saved at its end.

    progress: the work came further, which forgets earlier failures. Raises LeaseLost, Suspended.
    """
    with managing(lease.tenant_id):
        _lock(lease.document_id)
        mine = Ingestion.objects.select_for_update(of=("self",)).filter(
            version_id=lease.version_id, lease_token=lease.token
        )
        ingestion = mine.first()
        if ingestion is None:
            raise LeaseLost("The version is another worker's now, or a newer one took its place.")
        if not Tenant.objects.filter(pk=lease.tenant_id, state=Tenant.State.ACTIVE).exists():
            raise Suspended("The organisation is suspended.")
        before = ingestion.state
        yield ingestion
        ingestion.progressed_at = Now()
        if progress:
            ingestion.attempts = 0
        if ingestion.state in Ingestion.MOVING:
            ingestion.lease_until = Now() + LEASE
        else:
            ingestion.lease_token = ingestion.lease_until = None
        ingestion.save()
        if ingestion.state != before:
            _say(lease.document_id, State(ingestion.state), ingestion.reason)


def move(lease: Lease, state: Ingestion.State, **checkpoint: object) -> None:
    """Go on to the next step, with what the last one left behind."""
    with holding(lease) as ingestion:
        _soon_is_enough()
        ingestion.state = state
        for name, value in checkpoint.items():
            setattr(ingestion, name, value)


def renew(lease: Lease, **progress: object) -> None:
    """Keep the lease because the work came further."""
    with holding(lease, progress=True) as ingestion:
        _soon_is_enough()
        for name, value in progress.items():
            setattr(ingestion, name, value)


def settle(lease: Lease, state: Ingestion.State, reason: str) -> None:
    """End the work: failed or quarantined, with the sentence that a person reads."""
    with holding(lease) as ingestion:
        ingestion.state, ingestion.reason, ingestion.ended_at = state, reason[:500], Now()


def postpone(lease: Lease, reason: str) -> Ingestion.State:
    """Have it tried again after a while, longer each time; after the last time it has failed.

    Returns the state it is in now.
    """
    with holding(lease) as ingestion:
        if ingestion.attempts >= ATTEMPTS_MAX:
            ingestion.state, ingestion.ended_at = State.FAILED, Now()
            ingestion.reason = f"{reason} It was tried {ATTEMPTS_MAX} times."[:500]
        else:
            wait = min(BACKOFF_FIRST * 2 ** (ingestion.attempts - 1), BACKOFF_MAX)
            ingestion.state, ingestion.next_try_at = State.RECEIVED, Now() + wait
            ingestion.reason, ingestion.queued_at = f"Will be tried again: {reason}"[:500], None
    return State(ingestion.state)


def put_back(lease: Lease) -> None:
    """Have it wait without a word, until its tenant goes on."""
    with managing(lease.tenant_id):
        _lock(lease.document_id)
        mine = Ingestion.objects.filter(version_id=lease.version_id, lease_token=lease.token)
        if mine.update(
            state=State.RECEIVED, lease_token=None, lease_until=None, attempts=0, next_try_at=Now()
        ):
            _say(lease.document_id, State.RECEIVED)


def reap(tenant_id: UUID) -> list[UUID]:
    """Take back the leases that ran out; returns the documents that wait again.

    What was begun too often without getting any further has failed, with its reason.
    """
    reason = (
        f"Its worker stopped {ATTEMPTS_MAX} times without getting further; the file may be too much for it."
    )
    asked: dict[str, Any] = {"tenant": tenant_id, "most": ATTEMPTS_MAX, "reason": reason}
    with managing(tenant_id), connection.cursor() as cursor:
        over = Ingestion.objects.filter(tenant_id=tenant_id).filter(
            Q(lease_until__lt=Now()) | Q(state=State.RECEIVED, attempts__gte=ATTEMPTS_MAX)
        )
        _lock(*over.order_by("document_id").values_list("document_id", flat=True))
        for (document_id,) in cursor.execute(GIVEN_UP, asked).fetchall():
            _say(document_id, State.FAILED, reason)
        returned = [document_id for (document_id,) in cursor.execute(RETURNED, asked).fetchall()]
        for document_id in returned:
            _say(document_id, State.RECEIVED)
    return returned


def _lock(*document_ids: UUID) -> None:
    """Documents are locked before the work on them, by everybody: two who did it crosswise would wait for ever."""
    documents = Document.objects.select_for_update(no_key=True).filter(pk__in=document_ids)
    list(documents.order_by("pk").values_list("pk"))


def _say(document_id: UUID, state: Ingestion.State, reason: str = "") -> None:
    """Let the document's own row say how far its newest version is."""
    Document.objects.filter(pk=document_id).exclude(status=Document.Status.ERASING).update(
        status=state.value, status_reason=reason, status_at=Now()
    )


def _soon_is_enough() -> None:
    """Spare this transaction the wait for the disk: if it is lost, so is a word about progress, no more."""
    with connection.cursor() as cursor:
        cursor.execute("set local synchronous_commit to off")
