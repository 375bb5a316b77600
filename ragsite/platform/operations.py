"""How the work goes, in numbers. No title, no file name, no question: those are the tenants'."""

import re
from collections import Counter
from dataclasses import dataclass

from celery import current_app
from django.db.models import Count
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as QueueError

from accounts.database import managing
from accounts.models import Membership, Tenant
from retrieval.models import Document

ERRORS_PER_TENANT = 200  # the latest ones, counted by kind
KINDS_MAX = 10

# What ingestion says of a file, without the file's name; anything it says besides is not shown.
KINDS = {
    "is empty": r"is empty",
    "holds no text": r"holds no text|has no text",
    "is damaged": r"damaged|cannot be read|could not be read|cannot be opened",
    "is encrypted": r"encrypted",
    "is of a kind that is not taken in": r"not supported|is named|carries macros|is not a file",
    "is too large": r"has more than|at most|unpacks to|holds more",
    "took too long or too much memory": r"memory|took longer|seconds",
    "was replaced while it was read": r"was replaced",
    "met an unexpected error": r"Something unexpected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantWork:
    """Counts of one tenant: members in force, documents by status, failures by kind."""

    tenant: Tenant
    members: int
    documents: dict[str, int]
    failures: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.documents.values())


def work_of(tenant: Tenant) -> TenantWork:
    with managing(tenant.pk):
        documents = Document.objects.filter(tenant_id=tenant.pk)
        # Without the model's ordering, which would make a group of every row.
        by_status = documents.order_by().values_list("status").annotate(count=Count("pk"))
        failed = documents.filter(status=Document.Status.FAILED).order_by("-status_at")
        reasons = list(failed.values_list("status_reason", "source_name")[:ERRORS_PER_TENANT])
        counts = {str(status): int(count) for status, count in by_status}
    kinds = Counter(kind_of(reason, name) for reason, name in reasons)
    return TenantWork(
        tenant=tenant,
        members=Membership.objects.filter(tenant=tenant, is_active=True).count(),
        documents=counts,
        failures=dict(kinds.most_common(KINDS_MAX)),
    )


def kind_of(reason: str, name: str) -> str:
    """What kind of failure a reason tells of: one of KINDS, never a word of the reason itself."""
    without_name = reason.replace(name, "") if name else reason
    return next((kind for kind, words in KINDS.items() if re.search(words, without_name)), "failed otherwise")


def queue_length() -> int | None:
    """Messages that wait for a worker; None while the queue cannot be asked."""
    try:
        with current_app.connection_for_read(connect_timeout=2) as connection:
            queue = current_app.conf.task_default_queue
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except (QueueError, KombuError, OSError):
        return None
    except connection.channel_errors:
        return 0  # nothing was ever put into it
