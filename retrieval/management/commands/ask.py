"""`manage.py ask "How many holidays do we have?" --as mia@acme.example`."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.resolve import scope_of
from accounts.roles import Right
from retrieval.api.wire import outcome_json
from retrieval.assembly import components
from retrieval.errors import RetrievalError
from retrieval.flow.ask import stream
from retrieval.interfaces import Components
from retrieval.management.lookup import find_member
from retrieval.values.answers import Answered, NothingFound, Outcome, Refused, Withheld
from retrieval.values.events import Event, TextReleased
from retrieval.values.questions import Question


class Command(BaseCommand):
    help = "Ask a question with the rights of one person, and print the answer with its sources."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--as", required=True, dest="email", metavar="EMAIL", help="who asks")
        parser.add_argument("--tenant", help="slug; needed for people with several tenants")
        parser.add_argument("--json", action="store_true", help="print the answer as one JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["question"].strip():
            raise CommandError("The question is empty.")
        membership = find_member(options["email"], options["tenant"])
        if not membership.may(Right.ASK):
            raise CommandError(
                f"The role '{membership.role_name}' of '{options['email']}' does not include asking."
            )
        question = Question(text=options["question"], scope=scope_of(membership), surface="command")
        listener = silently if options["json"] else self.tell
        try:
            outcome, stages = asyncio.run(listen(question, components(), listener))
        except RetrievalError as error:
            raise CommandError(str(error)) from error
        body = outcome_json(question.request_id, outcome)
        if options["json"]:
            self.stdout.write(json.dumps(body | {"stages_ms": stages}))
        else:
            self.print_ending(body, stages)

    def tell(self, item: Event | Outcome) -> None:
        if isinstance(item, TextReleased):
            self.stdout.write(item.text, ending="")
            self.stdout.flush()

    def print_ending(self, body: dict[str, Any], stages: dict[str, float]) -> None:
        self.stdout.write("" if body["outcome"] == "answered" else f"\n{body['text']}")
        for source in body["citations"]:
            place = f", page {source['page']}" if source["page"] else ""
            heading = f", {source['heading']}" if source["heading"] else ""
            self.stdout.write(f"  [{source['number']}] {source['title']}{heading}{place}")
        self.stderr.write("  ".join(f"{name} {ms:.1f} ms" for name, ms in stages.items()))


def silently(item: Event | Outcome) -> None:
    """Print nothing while the answer is made."""


async def listen(question: Question, parts: Components, hear: Any) -> tuple[Outcome, dict[str, float]]:
    """Run the flow, let `hear` hear everything, and return the outcome with each stage's time."""
    clock = asyncio.get_running_loop().time
    stages: dict[str, float] = {}
    marked = clock()
    async with aclosing(stream(question, parts)) as items:
        async for item in items:
            hear(item)
            match item:
                case Answered() | Refused() | NothingFound() | Withheld():
                    return item, {name: round(ms, 1) for name, ms in stages.items()}
                case _:
                    stages[item.stage] = stages.get(item.stage, 0.0) + (clock() - marked) * 1000
                    marked = clock()
    raise CommandError("The question ended without an outcome.")
