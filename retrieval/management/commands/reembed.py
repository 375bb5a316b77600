"""`manage.py reembed [--jobs 2] [--drop] | --status | --abort  [--json]`."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from retrieval.assembly import contexts, next_encoder
from retrieval.errors import RetrievalError
from retrieval.reembedding.fill import Filling
from retrieval.reembedding.run import Reembedded, Told, abort, reembed, status
from retrieval.reembedding.verify import SAMPLE
from retrieval.search.space import space_of

JOBS_MAX = 16


class Command(BaseCommand):
    help = (
        "Take the index over to the next encoder (RAGSITE_NEXT_ENCODER and RAGSITE_NEXT_EMBEDDINGS_*) while "
        "questions are answered. Start every process with these settings first. May be stopped and run again at "
        "any time; run again a day later, it drops the old index."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--jobs", type=int, default=1, help=f"batches encoded at once (1 to {JOBS_MAX})")
        parser.add_argument("--sample", type=int, default=SAMPLE, help="chunks encoded again to verify")
        parser.add_argument(
            "--drop", action="store_true", help="drop the old index as soon as it is not read"
        )
        parser.add_argument("--status", action="store_true", help="say how far it is, and do nothing")
        parser.add_argument("--abort", action="store_true", help="take back what was built before the switch")
        parser.add_argument("--json", action="store_true", help="print one JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["status"]:
                self.say_status(as_json=options["json"])
            elif options["abort"]:
                self.say("aborted", aborted=abort(), as_json=options["json"])
            else:
                self.reembed(options)
        except RetrievalError as error:
            raise CommandError(str(error)) from error

    def reembed(self, options: dict[str, Any]) -> None:
        encoder = next_encoder()
        if encoder is None:
            raise CommandError(
                "Set RAGSITE_NEXT_ENCODER to 'local' or 'openai', and restart every process with it."
            )
        if not 1 <= options["jobs"] <= JOBS_MAX:
            raise CommandError(f"--jobs takes a number from 1 to {JOBS_MAX}.")
        filling = Filling(encoder=encoder, contexts=contexts(), jobs=options["jobs"])
        began = time.perf_counter()
        with shown() as told:
            ended = reembed(filling, told, drop=options["drop"], sample=max(1, options["sample"]))
        self.say_end(ended, str(space_of(encoder)), time.perf_counter() - began, as_json=options["json"])

    def say_end(self, ended: Reembedded, space: str, seconds: float, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(ended) | {"seconds": round(seconds, 1)}))
            return
        if ended.switched:
            self.stdout.write(
                f"The index holds vectors of encoder {space} now; {ended.filled:,} chunks in {seconds:,.0f} s."
            )
        else:
            self.stdout.write(f"The index held vectors of encoder {space} already.")
        if ended.dropped:
            self.stdout.write("The old one is gone.")
        elif ended.switched:
            self.stdout.write("The old one is kept for a day. Run this again then, or with --drop now.")

    def say_status(self, *, as_json: bool) -> None:
        now = status()
        if as_json:
            self.stdout.write(json.dumps(asdict(now)))
            return
        self.stdout.write(f"The index: {now.index or 'empty'}, {now.chunks:,} chunks.")
        if now.state == "filling":
            self.stdout.write(f"On its way to {now.following}: {now.done:,} of {now.chunks:,} chunks.")
        elif now.state == "switched":
            self.stdout.write("It has gone over; the old one is still there.")

    def say(self, word: str, *, aborted: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({word: aborted}))
        else:
            self.stdout.write("It is as it was before." if aborted else "There was nothing to abort.")


@contextmanager
def shown() -> Iterator[Told]:
    """A bar on the error stream, so that what is printed can be piped; silent where that is no terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=not sys.stderr.isatty(), transient=True,
    ) as bar:  # fmt: skip
        step = bar.add_task("beginning", total=None)
        yield lambda name, done, total: bar.update(step, description=name, completed=done, total=total)
