"""`manage.py ingest PATH... --tenant acme --collection "Company policies"`."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from accounts.scope import Sensitivity
from retrieval.assembly import ingestion_components
from retrieval.ingestion.bulk import Taken, find_files, reading_in_one_child, take_files
from retrieval.management.lookup import find_collection, find_tenant

PARTLY, WHOLLY = 1, 2  # exit status when some, or all, files failed


class Command(BaseCommand):
    help = "Take files and folders into a collection. Files that have not changed are skipped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--tenant", required=True, help="slug of the tenant")
        parser.add_argument("--collection", required=True, help="name of the collection")
        parser.add_argument("--sensitivity", choices=[level.name.lower() for level in Sensitivity])
        parser.add_argument("--json", action="store_true", help="print one JSON line a file")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["paths"]:
            if not path.exists():
                raise CommandError(f"There is no file or folder '{path}'.")
        collection = find_collection(find_tenant(options["tenant"]), options["collection"])
        files = find_files(options["paths"])
        if not files:
            raise CommandError("There are no files to take in: the folders named are empty.")
        level = Sensitivity[options["sensitivity"].upper()] if options["sensitivity"] else None

        counts: Counter[str] = Counter()
        with progress_bar() as bar, reading_in_one_child(ingestion_components()) as components:
            step = bar.add_task("Taking in", total=len(files), name="")
            for taken in take_files(collection, files, components, sensitivity=level):
                counts[taken.outcome] += 1
                bar.update(step, advance=1, name=taken.path.name)
                self.report(taken, as_json=options["json"])
        self.stderr.write(
            ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) + "."
        )
        if counts["failed"]:
            sys.exit(WHOLLY if counts["failed"] == len(files) else PARTLY)

    def report(self, taken: Taken, *, as_json: bool) -> None:
        if as_json:
            line = {
                "path": str(taken.path),
                "outcome": taken.outcome,
                "reason": taken.reason,
                "chunks": taken.chunks,
            }
            self.stdout.write(json.dumps(line))
            return
        said = f"{taken.chunks} chunks" if taken.outcome == "indexed" else taken.reason
        self.stdout.write(f"{taken.outcome:<12}{taken.path.name}  {said}".rstrip())


def progress_bar() -> Progress:
    """On the error stream, so that what is printed can be piped; silent where that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[name]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
