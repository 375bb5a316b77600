"""Going through what a source names, held against what is known of it from before."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.database import managing
from retrieval.errors import FetchRefused, SourceUnavailable
from retrieval.models import Source, SourceItem
from retrieval.sources.connector import Connector
from retrieval.sources.intake import document_name
from retrieval.sources.readers import Readers, resolve
from retrieval.sources.report import Report
from retrieval.sources.values import (
    Change,
    Checkpoint,
    ExternalAccess,
    ExternalDocument,
    Skipped,
    Vanished,
)

EXTERNAL_ID_BYTES_MAX = 1024
# A listing that lost more than half of so many is more likely wrong than right.
FEW_ITEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a document from the runs before."""

    item_id: int
    version: str
    access_digest: str
    document_id: UUID | None
    problem: str

    def unchanged(self, found: ExternalDocument) -> bool:
        """Whether there is nothing to fetch: it is here, or was refused for good, in this very version."""
        return self.version == found.version and bool(self.document_id or self.problem)


class Listing:
    """Counts what a run would do, and does nothing; a run does something at each step of it."""

    def __init__(self, source: Source, connector: Connector, seconds_max: float) -> None:
        self.source, self.connector = source, connector
        self.report = Report()
        self.cursor: dict[str, Any] | None = None
        self.whole = False
        self.met = 0
        self._ends_at = time.monotonic() + seconds_max
        self._readers: dict[ExternalAccess, Readers] = {}
        with managing(source.tenant_id):
            items = SourceItem.objects.filter(tenant_id=source.tenant_id, source_id=source.pk)
            rows = items.values_list(
                "external_id", "pk", "version", "access_digest", "document_id", "problem"
            )
            self.known = {
                row[0]: Known(
                    item_id=row[1], version=row[2], access_digest=row[3], document_id=row[4], problem=row[5]
                )
                for row in rows
            }
        self.absent = set(self.known)

    def listed(self) -> Report:
        """Go through all there is. What the source cannot say ends the run and not the program."""
        try:
            for change in self.connector.changes(self.source.cursor):
                self.meet(change)
                if time.monotonic() > self._ends_at:
                    self.report.outcome = Source.Outcome.PARTLY
                    return self.report
            self.whole = True
        except (SourceUnavailable, FetchRefused) as error:
            self.report.outcome, self.report.problem = Source.Outcome.FAILED, str(error)
        except OSError:
            self.report.outcome, self.report.problem = Source.Outcome.FAILED, "The source broke off."
        if self.whole:
            self.conclude()
        return self.report

    def meet(self, change: Change) -> None:
        match change:
            case Checkpoint(cursor=cursor):
                self.cursor = cursor
            case Vanished(external_id=external_id):
                self.vanish(external_id)
            case Skipped(external_id=external_id, name=name, reason=reason):
                self.met += 1
                self.report.fail(name, reason)
                self.seen(external_id)
            case ExternalDocument():
                self.met += 1
                self.seen(change.external_id)
                self.meet_document(change, self.known.get(change.external_id))

    def meet_document(self, found: ExternalDocument, known: Known | None) -> None:
        if len(found.external_id.encode()) > EXTERNAL_ID_BYTES_MAX:
            self.report.fail(document_name(found.name), "Its path is too long.")
        elif known is None or not known.unchanged(found):
            self.take(found, known)
        elif known.problem:
            self.report.fail(document_name(found.name), known.problem)
            self.regrant(found, known)
        elif self.regrant(found, known):
            self.report.changed += 1
        else:
            self.report.unchanged += 1

    def conclude(self) -> None:
        """What a listing that ended whole did not name is gone, if nothing speaks against it."""
        if not self.connector.lists_everything:
            self.absent = set()
        going = sum(1 for external_id in self.absent if self.known[external_id].document_id)
        there = sum(1 for known in self.known.values() if known.document_id)
        doubtful = going and (self.met == 0 or (there > FEW_ITEMS and going * 2 > there))
        if doubtful and going > self.source.removals_agreed:
            self.report.outcome, self.report.removals_asked = Source.Outcome.UNCONFIRMED, going
            self.absent = set()
        self.count_absent(going)

    def readers(self, access: ExternalAccess) -> Readers:
        if access not in self._readers:
            with managing(self.source.tenant_id):
                self._readers[access] = resolve(self.source.tenant_id, access)
        return self._readers[access]

    # --- What a real run does otherwise -----------------------------------------------------------

    def seen(self, external_id: str) -> None:
        self.absent.discard(external_id)

    def vanish(self, external_id: str) -> None:
        if external_id in self.absent:
            self.absent.discard(external_id)
            self.report.removed += 1

    def take(self, found: ExternalDocument, known: Known | None) -> None:
        if known is None or known.document_id is None:
            self.report.added += 1
        else:
            self.report.changed += 1

    def regrant(self, found: ExternalDocument, known: Known) -> bool:
        return bool(known.document_id) and self.readers(found.access).digest != known.access_digest

    def count_absent(self, going: int) -> None:
        self.report.removed += going if self.absent else 0
