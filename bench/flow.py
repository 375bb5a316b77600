"""The whole guarded flow beside its bare minimum: encode the question, one unfiltered SQL top-10.

On 20,000 chunks of real text, with generation replaced by an instant one. Both run in turn in one
process, so that a busy machine slows both. Then 200 streams at once over real HTTP on a pool of 8.
Prints one JSON line. `make bench-flow`.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import django
import uvloop

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from guardian.shortcuts import assign_perm

from accounts.database import in_database, managing
from accounts.models import Group, Membership, Tenant, User
from accounts.resolve import scope_of
from accounts.roles import Role
from bench import corpus
from bench.streams import run_streams
from retrieval.assembly import components, encoder, warm
from retrieval.encoders.local import LocalEncoder
from retrieval.flow.ask import ask
from retrieval.interfaces import Components
from retrieval.models import CachedAnswer, Collection, Document
from retrieval.values.answers import Answered, Source, Usage
from retrieval.values.chunks import NewChunk, PermittedChunks
from retrieval.values.events import Event
from retrieval.values.questions import Question, SearchQuery
from tests.factories import a_version

SEED = 20261122
CACHE = Path(__file__).resolve().parent / "out"
UNFILTERED = "select id from retrieval_chunk order by embedding <=> %s::halfvec limit 10"


class InstantDraft:
    """An answer that costs nothing to write."""

    usage = Usage(model="instant")
    watchwords: tuple[str, ...] = ("canary-3f9a1c", "Answer from the passages only.")

    async def pieces(self) -> AsyncGenerator[str]:
        yield "The passages say so [1], and more of it stands in another one [2]."


class InstantGenerator:
    name, prompt_version = "instant", "1"

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> InstantDraft:
        return InstantDraft()


def questions(number: int) -> list[str]:
    """Claims that people checked against the corpus, always the same ones."""
    return random.Random(SEED).sample(sorted(corpus.judged("scifact").questions.values()), number)


def prepare(chunks: int) -> Membership:
    """One tenant with the corpus; the asker reads nine of ten documents, through one of ten groups each."""
    tenant = Tenant.objects.filter(slug="bench").first()
    if tenant is not None:
        return Membership.objects.get(tenant=tenant)
    tenant = Tenant.objects.create(slug="bench", name="Bench")
    person = User.objects.create_user("asker@bench.example")
    member = Membership.objects.create(tenant=tenant, user=person, role=Role.MEMBER)
    with managing(tenant.pk):
        shelves = [Collection.objects.create(tenant=tenant, name=f"Shelf {number}") for number in range(10)]
        for number, shelf in enumerate(shelves):
            group = Group.objects.create(tenant=tenant, label=f"Group {number}")
            assign_perm("view_collection", group, shelf)
            if number:
                person.groups.add(group.group_ptr)
    store(tenant, shelves, corpus.documents(chunks))
    analyze()
    return member


def store(tenant: Tenant, shelves: list[Collection], documents: list[list[str]]) -> None:
    # The first 64 tokens of each piece: the vectors are for timing, and four times cheaper to make so.
    cheap = LocalEncoder(settings.RAGSITE_MODELS_FOLDER, threads=2, tokens_max=64)
    texts = [text for document in documents for text in document]
    vectors = corpus.vectors(cheap, texts, CACHE)
    done = 0
    for number, pieces in enumerate(documents):
        with managing(tenant.pk):
            document = Document.objects.create(
                tenant=tenant,
                collection=shelves[number % len(shelves)],
                title=f"Document {number}",
                source_name=f"{number}.txt",
            )
            new = [
                NewChunk(ordinal=i, text=text, heading="", page=None, start_char=0, end_char=len(text))
                for i, text in enumerate(pieces)
            ]
            a_version(document, new, vectors[done : done + len(pieces)])
        done += len(pieces)


def analyze() -> None:
    """What autovacuum does soon after a load."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("analyze")


def bare_sql(vector: str) -> list[Any]:
    with connection.cursor() as cursor:
        return list(cursor.execute(UNFILTERED, [vector]).fetchall())


async def bare_minimum(text: str, tenant_id: Any) -> None:
    encoding = await encoder().encode_one(text)
    vector = "[" + ",".join(f"{value:.6g}" for value in encoding.vector) + "]"
    await in_database(within, tenant_id, vector)


def within(tenant_id: Any, vector: str) -> None:
    # Row-level security wants a tenant; nothing else filters.
    with managing(tenant_id):
        bare_sql(vector)


class StageTimes:
    """Milliseconds of each stage over all questions."""

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {}
        self.marked = 0.0

    def start(self) -> None:
        self.marked = time.perf_counter()

    async def __call__(self, event: Event) -> None:
        now = time.perf_counter()
        self.samples.setdefault(event.stage, []).append((now - self.marked) * 1000)
        self.marked = now

    def summary(self) -> dict[str, dict[str, float]]:
        return {stage: quantiles(samples) for stage, samples in self.samples.items()}


def quantiles(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95) - 1], 2),
    }


async def measure(member: Membership, asked: list[str], rounds: int) -> dict[str, Any]:
    """Time bare minimum, miss and exact hit in turn, question by question."""
    scope = await in_database(scope_of, member)
    parts: Components = replace(components(), generator=InstantGenerator())
    stages = StageTimes()
    bare: list[float] = []
    miss: list[float] = []
    hit: list[float] = []
    for number in range(rounds):
        for text in asked:
            # A number no one asked about yet makes each round's questions new.
            fresh = f"{text} ({number})"
            bare.append(await timed(bare_minimum(fresh, scope.tenant_id)))
            stages.start()
            started = time.perf_counter()
            first = await ask(Question(text=fresh, scope=scope), parts, stages)
            miss.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
            second = await ask(Question(text=fresh, scope=scope), parts)
            hit.append((time.perf_counter() - started) * 1000)
            assert isinstance(first, Answered) and first.source is Source.GENERATED, first
            assert isinstance(second, Answered) and second.source is Source.EXACT_CACHE, second
    return {
        "bare_ms": quantiles(bare),
        "miss_ms": quantiles(miss),
        "hit_ms": quantiles(hit),
        "ratio_miss_p50": round(statistics.median(miss) / statistics.median(bare), 2),
        "ratio_hit_p50": round(statistics.median(hit) / statistics.median(bare), 2),
        "stages": stages.summary(),
    }


async def timed(work: Any) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


def forget_answers(member: Membership) -> None:
    """So that every first asking is a miss, also in a database that was measured before."""
    with managing(member.tenant_id):
        CachedAnswer.objects.all().delete()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=200)
    chosen = parser.parse_args()
    if not corpus.available():
        sys.exit(f"There is no data in {corpus.folder()}; set RAGSITE_DATA.")
    call_command("migrate", database="owner", verbosity=0)
    call_command("grant_application_role", verbosity=0)
    call_command("prepare_encoder", verbosity=0)
    member = prepare(chosen.chunks)
    asked = questions(chosen.questions)
    forget_answers(member)
    warm()
    uvloop.run(measure(member, asked[:10], 1))
    forget_answers(member)
    result = {"bench": "flow", "chunks": chosen.chunks, "seed": SEED}
    result |= uvloop.run(measure(member, asked, chosen.rounds))
    result |= run_streams(member, chosen.streams)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
