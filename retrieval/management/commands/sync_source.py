"""`manage.py sync_source --tenant acme --name "Shared folder" [--dry-run] [--json]`."""

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.database import managing
from accounts.models import Tenant
from retrieval.assembly import chunk_index
from retrieval.errors import RetrievalError
from retrieval.management.lookup import find_tenant
from retrieval.models import Source
from retrieval.sources.intake import Intake
from retrieval.sources.report import Report
from retrieval.sources.runs import run_source
from retrieval.tasks import dispatch_ingestion

PARTLY, WHOLLY = 1, 2  # exit status when some documents, or the run as a whole, failed


class Command(BaseCommand):
    help = "Bring the documents of a source into step now. What is new is handed to the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug of the tenant")
        parser.add_argument("--name", required=True, help="name of the source")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and do nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        source = find_source(find_tenant(options["tenant"]), options["name"])
        intake = Intake(
            dispatch=dispatch_ingestion, index=chunk_index(), bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX
        )
        try:
            report = run_source(source, intake, dry_run=options["dry_run"])
        except RetrievalError as error:
            raise CommandError(str(error), returncode=WHOLLY) from error
        self.report(report, as_json=options["json"])
        if report.outcome is Source.Outcome.FAILED:
            sys.exit(WHOLLY)
        if report.failed or report.outcome is not Source.Outcome.WHOLE:
            sys.exit(PARTLY)

    def report(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report.as_json()))
            return
        for name, reason in report.problems:
            self.stdout.write(f"failed      {name}  {reason}")
        counted = ", ".join(f"{number} {what}" for what, number in report.counts.items())
        self.stderr.write(f"{counted}.")
        if report.problem:
            self.stderr.write(report.problem)
        if report.removals_asked:
            self.stderr.write(
                f"{report.removals_asked} documents are not there any more. Nothing was removed: agree to it at "
                "/sources/ if that is right."
            )


def find_source(tenant: Tenant, name: str) -> Source:
    with managing(tenant.pk):
        sources = Source.objects.filter(tenant=tenant)
        found = (
            sources.filter(name__iexact=name, removing=False).select_related("tenant", "collection").first()
        )
        if found is None:
            known = ", ".join(sources.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"Tenant '{tenant.slug}' has no source '{name}'. It has: {known}.")
    return found
