"""A re-embedding beside questions: chunks per second, questions during against before, the switch's lock.

The encoders cost nothing, so the figures are those of the tables. Makes a database of its own beside the
configured one and drops it. Prints one JSON line. `python bench/reembed.py [--chunks N] [--graph-first]`.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import django

django.setup()

import numpy as np

from accounts.scope import AccessScope
from bench.search import asking, fill
from retrieval.interfaces import Encoding
from retrieval.models import EmbeddingSpace
from retrieval.reembedding import run
from retrieval.reembedding.fill import Filling
from retrieval.search.retriever import HybridRetriever
from retrieval.search.space import Encoders
from tests.factories import fake_vector
from tests.support import databases

WORKER = "bench_reembed"
BEFORE_SECONDS = 20
WARMING = 20
WORDS = [
    f"{start}{end}" for start in "abcdefghijklmnop" for end in ("arten", "oling", "ustry", "emand", "idays")
]


class Costless:
    """Looks at the words of a text only; the same words give the same vector."""

    tokens_max = 256

    def __init__(self, name: str, dimensions: int) -> None:
        self.name, self.dimensions = name, dimensions

    def encode(self, texts: Iterable[str]) -> list[Encoding]:
        return [Encoding(vector=fake_vector(text, self.dimensions)) for text in texts]

    async def encode_one(self, text: str) -> Encoding:
        return self.encode([text])[0]


FIRST, NEXT = Costless("first", 384), Costless("next", 512)


def some_texts(chunks: int) -> list[list[str]]:
    random = Random(1)
    return [[" ".join(random.choices(WORDS, k=60)) for _ in range(4)] for _ in range(chunks // 4)]


def ask(retriever: HybridRetriever, scope: AccessScope, number: int) -> float:
    text = " ".join(Random(crc32(str(number).encode())).choices(WORDS, k=6))
    started = time.perf_counter()
    found = asyncio.run(retriever.retrieve(asking(text, scope)))
    if not found.ranked:
        raise SystemExit("A question found nothing.")
    return (time.perf_counter() - started) * 1000


def child(graph_first: bool) -> None:
    """The re-embedding itself, in a process of its own; prints what it took."""
    databases.use(f"{databases.BASE}_test_{WORKER}")
    steps: dict[str, float] = {}

    def told(step: str, done: int, total: int) -> None:
        steps.setdefault(step, time.perf_counter())

    if graph_first:
        filling, original = run.fill, run.build_graph
        run.fill = lambda *given: (original(), filling(*given))[1]
    began = time.perf_counter()
    ended = run.reembed(Filling(encoder=NEXT, contexts=lambda *_: "", jobs=1), told)
    whole = time.perf_counter() - began
    until_graph = steps["indexing"] - began
    switched = ended.switched
    assert switched is not None
    print(
        json.dumps(
            {
                "chunks_per_second_filled": round(ended.filled / until_graph),
                "chunks_per_second": round(ended.filled / whole),
                "seconds": round(whole, 1),
                "graph_seconds": round(steps["verifying"] - steps["indexing"], 1),
                "switch_waited_ms": round(switched.waited_ms, 1),
                "switch_lock_ms": round(switched.held_ms, 1),
            }
        )
    )


def measure(chunks: int, graph_first: bool) -> dict[str, object]:
    pieces = some_texts(chunks)
    flat = [text for texts in pieces for text in texts]
    _, scopes = fill(pieces, np.stack([fake_vector(text) for text in flat]))
    EmbeddingSpace.objects.create(pk=1, name=FIRST.name, dimensions=FIRST.dimensions)
    retriever, number = HybridRetriever(Encoders(FIRST, NEXT)), 0
    scope = scopes[0.3]
    before: list[float] = []
    until = time.perf_counter() + BEFORE_SECONDS
    while time.perf_counter() < until:
        before.append(ask(retriever, scope, number := number + 1))
    program = [sys.executable, __file__, "--child", *(["--graph-first"] if graph_first else [])]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    during: list[float] = []
    while process.poll() is None:
        during.append(ask(retriever, scope, number := number + 1))
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit("The re-embedding failed.")
    p95 = [float(np.quantile(times, 0.95)) for times in (before[WARMING:], during)]
    return {
        "chunks": len(flat),
        **json.loads(said),
        "questions": len(during),
        "question_p95_ms_before": round(p95[0], 1),
        "question_p95_ms_during": round(p95[1], 1),
        "question_ms_longest": round(max(during), 1),
        "question_p95_ratio": round(p95[1] / p95[0], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--graph-first", action="store_true", help="fill a graph row by row, to compare")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.graph_first)
        return
    databases.prepare_template()
    databases.clone_for(WORKER)
    try:
        print(json.dumps(measure(chosen.chunks, chosen.graph_first)))
    finally:
        databases.drop(WORKER)


if __name__ == "__main__":
    main()
