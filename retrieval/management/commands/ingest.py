"""`manage.py ingest PATH... --tenant acme --collection "Company policies" [--jobs 2] [--dry-run] [--json]`."""

import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from accounts.scope import Sensitivity
from retrieval.assembly import ingestion_components
from retrieval.ingestion import wording
from retrieval.ingestion.bulk import Batch, Candidate, Taken, find_files, foresee, take_files
from retrieval.management.lookup import find_collection, find_tenant

PARTLY, WHOLLY = 1, 2  # exit status when some, or all, files could not be taken in
WENT_WELL = frozenset({"indexed", "unchanged", "new", "changed", "elsewhere"})


class Command(BaseCommand):
    help = (
        "Take files and folders into a collection. Files that have not changed are skipped, and what was "
        "begun is gone on with, so it may be run again at any time. Exit status: 0 all went well, 1 some "
        "files did not, 2 none did or nothing could be begun."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--tenant", required=True, help="slug of the tenant")
        parser.add_argument("--collection", required=True, help="name of the collection")
        parser.add_argument("--sensitivity", choices=[level.name.lower() for level in Sensitivity])
        parser.add_argument("--jobs", type=int, default=1, help="files worked on at once (1 to 32)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON line a file")

    def handle(self, *args: Any, **options: Any) -> None:
        files, batch = self.asked_for(options)
        counts: Counter[str] = Counter()
        bar = progress_bar()
        with bar:
            step = bar.add_task("Looking" if options["dry_run"] else "Taking in", total=len(files), said="")
            meter = Meter(files=len(files), begun=monotonic())
            for taken in self.taken(files, batch, options):
                counts[taken.outcome] += 1
                meter = meter.after(taken)
                bar.update(step, advance=1, said=wording.joined(meter.words(monotonic()), taken.path.name))
                self.report(taken, batch, as_json=options["json"])
        self.stderr.write(
            wording.joined(*(f"{number} {outcome}" for outcome, number in sorted(counts.items()))) + "."
        )
        unwell = sum(number for outcome, number in counts.items() if outcome not in WENT_WELL)
        if unwell:
            sys.exit(WHOLLY if unwell == len(files) else PARTLY)

    def asked_for(self, options: dict[str, Any]) -> tuple[list[Candidate], Batch]:
        for path in options["paths"]:
            if not path.exists():
                raise CommandError(f"There is no file or folder '{path}'.", returncode=WHOLLY)
        if not 1 <= options["jobs"] <= 32:
            raise CommandError("--jobs takes a number from 1 to 32.", returncode=WHOLLY)
        try:
            collection = find_collection(find_tenant(options["tenant"]), options["collection"])
        except CommandError as mistake:
            raise CommandError(str(mistake), returncode=WHOLLY) from None
        files = find_files(options["paths"])
        if not files:
            raise CommandError(
                "There are no files to take in: the folders named are empty.", returncode=WHOLLY
            )
        batch = Batch(
            collection=collection,
            components=ingestion_components(),
            bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX,
            sensitivity=Sensitivity[options["sensitivity"].upper()] if options["sensitivity"] else None,
            id=uuid.uuid4(),
        )
        return files, batch

    def taken(self, files: list[Candidate], batch: Batch, options: dict[str, Any]) -> Iterator[Taken]:
        if options["dry_run"]:
            return foresee(files, batch)
        return take_files(files, batch, jobs=options["jobs"])

    def report(self, taken: Taken, batch: Batch, *, as_json: bool) -> None:
        if as_json:
            line = {
                "batch": str(batch.id),
                "path": str(taken.path),
                "outcome": taken.outcome,
                "reason": taken.reason,
                "chunks": taken.chunks,
                "seconds": round(taken.seconds, 3),
                "document": str(taken.document.pk) if taken.document else None,
            }
            self.stdout.write(json.dumps(line))
            return
        said = f"{taken.chunks} chunks" if taken.outcome == "indexed" else taken.reason
        self.stdout.write(f"{taken.outcome:<12}{os.path.relpath(taken.path)}  {said}".rstrip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """How quickly files are taken in, by the clock of this process, which does all the work."""

    files: int
    begun: float
    done: int = 0
    chunks: int = 0

    def after(self, taken: Taken) -> "Meter":
        return replace(self, done=self.done + 1, chunks=self.chunks + taken.chunks)

    def words(self, now: float) -> str:
        """Chunks, rate and time left. Unchanged files take no time, so a folder's rest is judged by its files."""
        seconds = now - self.begun
        if not self.done or seconds <= 0:
            return ""
        per_second = self.chunks / seconds
        left = (self.files - self.done) * seconds / self.done
        return wording.joined(
            wording.number(self.chunks, "chunk"),
            wording.rate(per_second) if self.chunks else "",
            wording.left(left) if self.done < self.files else "",
        )


def progress_bar() -> Progress:
    """On the error stream, so that what is printed can be piped; silent where that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
