"""One run a source at a time, without a lock that would be held while others are waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.db.models import Q
from django.utils import timezone

from accounts.database import managing
from retrieval.errors import RetrievalError
from retrieval.models import Source

# Longer than anything a run does between two renewals: one fetch, or one file of a store.
LEASE = timedelta(minutes=10)


class SourceBusy(RetrievalError):
    """Another run has the source."""

    code = "source_busy"
    permanent = False


class LeaseLost(RetrievalError):
    """The source was taken over, or is gone: what this run still wanted to write is not written."""

    code = "lease_lost"
    permanent = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right of one run to write for a source, until it has made no progress for LEASE."""

    tenant_id: UUID
    source_id: UUID
    run_id: UUID

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction of the run, which renews the lease. Raises LeaseLost with nothing written."""
        with managing(self.tenant_id):
            # The row stays locked to the end of this transaction: nobody takes over in the middle of it.
            mine = Source.objects.filter(tenant_id=self.tenant_id, pk=self.source_id, run_id=self.run_id)
            if not mine.update(lease_until=timezone.now() + LEASE):
                raise LeaseLost("Another run has taken this source over.")
            yield


def claim(source: Source) -> Lease:
    """Begin a run. Raises SourceBusy while another one is alive."""
    now, run_id = timezone.now(), uuid4()
    with managing(source.tenant_id):
        free = Source.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now))
        claimed = free.filter(tenant_id=source.tenant_id, pk=source.pk).update(
            run_id=run_id, lease_until=now + LEASE, last_started=now, last_ended=None, requested_at=None
        )
    if not claimed:
        raise SourceBusy(f"'{source.name}' is being synchronised already.")
    return Lease(tenant_id=source.tenant_id, source_id=source.pk, run_id=run_id)
