"""One run of a source: what is new is taken in, what changed is taken anew, what is gone goes.

Each document is a transaction of its own, so a run that is killed has done what it did, and the next one
does the rest. What a listing did not name goes only after it ended whole.
"""

from tempfile import TemporaryFile
from typing import Any
from uuid import UUID

import structlog
from django.core.files.base import File
from django.utils import timezone

from compliance.audit.append import append
from retrieval.errors import RetrievalError
from retrieval.models import Document, Source, SourceItem
from retrieval.sources.connector import Connector
from retrieval.sources.copying import copy, too_large
from retrieval.sources.intake import Intake, document_name
from retrieval.sources.leases import Lease, LeaseLost, claim
from retrieval.sources.listing import Known, Listing
from retrieval.sources.readers import Readers, give_in_step, give_to, readers_of
from retrieval.sources.report import Report
from retrieval.sources.values import ExternalDocument

log = structlog.get_logger()

SEEN_AT_ONCE = 200
RUNS_KEPT = 10
RUN_SECONDS_MAX = 20 * 60  # under the time limit of a worker's task


def sync(
    source: Source,
    connector: Connector,
    intake: Intake,
    *,
    dry_run: bool = False,
    seconds_max: float = RUN_SECONDS_MAX,
) -> Report:
    """Bring the source's documents into step, and say what became of them.

    dry_run: says what would become of them, and writes nothing. Raises SourceBusy while another run is alive.
    """
    if dry_run:
        return Listing(source, connector, seconds_max).listed()
    lease = claim(source)
    run = Run(source, connector, intake, seconds_max, lease)
    try:
        run.listed()
        if run.whole:
            run.remove_vanished()
    except LeaseLost:
        raise
    except BaseException:
        run.report.outcome = Source.Outcome.FAILED
        run.report.problem = "Something went wrong here. The operator's log has more."
        run.finish()
        raise
    run.finish()
    return run.report


class Run(Listing):
    """Writes, each time in a transaction that holds the lease."""

    def __init__(
        self, source: Source, connector: Connector, intake: Intake, seconds_max: float, lease: Lease
    ) -> None:
        super().__init__(source, connector, seconds_max)
        self.intake = intake
        self.lease = lease
        self._unmarked: list[int] = []

    def seen(self, external_id: str) -> None:
        super().seen(external_id)
        if external_id in self.known:
            self._unmarked.append(self.known[external_id].item_id)
        if len(self._unmarked) >= SEEN_AT_ONCE:
            self._mark()

    def _mark(self) -> None:
        """Note whom this run met; the lease is renewed by it, however long nothing changes."""
        with self.lease.writing():
            SourceItem.objects.filter(tenant_id=self.source.tenant_id, pk__in=self._unmarked).update(
                seen_in=self.lease.run_id
            )
        self._unmarked = []

    def vanish(self, external_id: str) -> None:
        if external_id in self.known:
            self.absent.discard(external_id)
            self._remove(self.known[external_id])

    def take(self, found: ExternalDocument, known: Known | None) -> None:
        """Take a document in, with its readers. One that fails is one line, and the rest goes on."""
        name, readers = document_name(found.name), self.readers(found.access)
        try:
            self._narrow(known, readers)
            if found.size is not None and found.size > self.intake.bytes_max:
                raise too_large(self.intake.bytes_max)
            # Fetched before the transaction begins: nothing is held open while others are waited for.
            with TemporaryFile() as kept:
                with found.open() as content:
                    copy(content, kept, self.intake.bytes_max)
                self._keep(found, known, name, readers, File(kept, name=name))
        except LeaseLost:
            raise
        except (RetrievalError, OSError) as error:
            permanent = isinstance(error, RetrievalError) and error.permanent
            reason = str(error) if isinstance(error, RetrievalError) else "It could not be read."
            self._note_failure(found, name, found.version if permanent else "", reason)

    def _narrow(self, known: Known | None, readers: Readers) -> None:
        """Who may not read it any more reads the older version no more either, whatever comes of the newer."""
        if known is None or known.document_id is None or known.access_digest == readers.digest:
            return
        with self.lease.writing():
            document = self._document(known.document_id)
            if document is not None:
                give_to(document, readers.also_in(readers_of(document)))

    def _keep(
        self, found: ExternalDocument, known: Known | None, name: str, readers: Readers, content: "File[Any]"
    ) -> None:
        """The document, its readers and what is known of it: all of it, or none."""
        there = known.document_id if known else None
        with self.lease.writing():
            received = self.intake.take(self.source, name, content, there)
            # Before the commit, and so before anybody can find it.
            same = known is not None and there is not None and known.access_digest == readers.digest
            given = same or give_in_step(received.document, readers)
            self._note(
                found.external_id,
                name=name,
                version=found.version,
                document_id=received.document.pk,
                access_digest=readers.digest if given else "",
                problem="",
            )
        if there is None:
            self.report.added += 1
        elif received.unchanged:
            self.report.unchanged += 1
        else:
            self.report.changed += 1

    def _note_failure(self, found: ExternalDocument, name: str, version: str, reason: str) -> None:
        with self.lease.writing():
            self._note(found.external_id, name=name, version=version, problem=reason[:500])
        self.report.fail(name, reason)

    def _note(self, external_id: str, **fields: Any) -> None:
        SourceItem.objects.update_or_create(
            source_id=self.source.pk,
            external_id=external_id,
            defaults={**fields, "tenant_id": self.source.tenant_id, "seen_in": self.lease.run_id},
        )

    def regrant(self, found: ExternalDocument, known: Known) -> bool:
        """Give the document to its readers of now, without fetching it; False where they are the same."""
        readers = self.readers(found.access)
        if known.document_id is None or known.access_digest == readers.digest:
            return False
        with self.lease.writing():
            document = self._document(known.document_id)
            given = document is not None and give_in_step(document, readers)
            digest = readers.digest if given else ""
            SourceItem.objects.filter(tenant_id=self.source.tenant_id, pk=known.item_id).update(
                access_digest=digest
            )
        return given

    def _document(self, document_id: UUID) -> Document | None:
        return Document.objects.filter(tenant_id=self.source.tenant_id, pk=document_id).first()

    def count_absent(self, going: int) -> None:
        """Nothing: removals count themselves."""

    def remove_vanished(self) -> None:
        if self._unmarked:
            self._mark()
        for external_id in sorted(self.absent):
            self._remove(self.known[external_id])

    def _remove(self, known: Known) -> None:
        with self.lease.writing():
            document = self._document(known.document_id) if known.document_id else None
            SourceItem.objects.filter(tenant_id=self.source.tenant_id, pk=known.item_id).delete()
            if document is not None:
                self.intake.remove(document)
                self.report.removed += 1

    def finish(self) -> None:
        """Write down what became of the run, and let the source go."""
        now, report = timezone.now(), self.report
        line: dict[str, Any] = {
            "ended": now.isoformat(),
            "outcome": report.outcome.value,
            "problem": report.problem,
        }
        line |= {"counts": report.counts, "problems": report.problems}
        fields: dict[str, Any] = {
            "lease_until": None,
            "last_ended": now,
            "last_outcome": report.outcome,
            "last_problem": report.problem[:500],
            "counts": report.counts,
            "removals_asked": report.removals_asked,
        }
        if report.outcome is Source.Outcome.PARTLY:
            fields["requested_at"] = now
        if self.whole:
            fields["removals_agreed"] = 0
            if self.cursor is not None:
                fields["cursor"] = self.cursor
        with self.lease.writing():
            source = Source.objects.get(tenant_id=self.source.tenant_id, pk=self.source.pk)
            fields["runs"] = [line, *source.runs][:RUNS_KEPT]
            Source.objects.filter(tenant_id=source.tenant_id, pk=source.pk).update(**fields)
            append(
                tenant_id=source.tenant_id,
                event="source.synchronised",
                request_id=str(self.lease.run_id),
                actor_id=None,
                outcome=report.outcome.value,
                object_pk=str(source.pk),
                details=report.counts,
                durable=False,
            )
        log.info("source.synchronised", source_id=str(source.pk), outcome=report.outcome, **report.counts)
