"""Search under permissions, on 20,000 chunks of real text: speed by share, recall, ranking.

Makes a database of its own beside the configured one and drops it. Prints one JSON line.
`python bench/search.py [--chunks N] [--models FOLDER] [--quality]`; RAGSITE_DATA says where the
collections lie.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import django

django.setup()

import numpy as np
from django.conf import settings
from django.db import connection, connections
from numpy.typing import NDArray

from accounts.database import in_database, managing, reading
from accounts.models import Tenant
from accounts.scope import AccessScope, Sensitivity
from bench import corpus
from retrieval.encoders.local import LocalEncoder
from retrieval.interfaces import Encoding
from retrieval.language.analyser import document_terms
from retrieval.models import Chunk, Document
from retrieval.search import statements
from retrieval.search.index import dense_text
from retrieval.search.permission import DatabasePermissionFilter
from retrieval.search.planner import Limits
from retrieval.search.retriever import HybridRetriever
from retrieval.values.chunks import Candidates, NewChunk
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Verdict
from tests.factories import a_collection, a_group, a_scope, a_tenant, a_version
from tests.support import databases

WORKER = "bench_search"
SHARES = (1.0, 0.3, 0.1, 0.01)
QUESTIONS = 100
WARMING = 5
# The encoder reads the beginning of each chunk only: speed does not ask what a vector means.
TOKENS_READ = 64
DOCUMENTS_AT_ONCE = 200
UNFILTERED = "select id from retrieval_chunk where tenant_id = %s order by embedding <=> %s::halfvec limit 10"
REBUILD = """create index chunk_embedding on retrieval_chunk
    using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 128)"""


class Encoded:
    """An encoder that has read its texts already, so that only the search is measured."""

    def __init__(self, encoder: LocalEncoder, texts: Sequence[str]) -> None:
        self.name, self.dimensions, self.tokens_max = encoder.name, encoder.dimensions, encoder.tokens_max
        self.known = dict(zip(texts, encoder.encode(texts), strict=True))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        return [self.known[text] for text in texts]

    async def encode_one(self, text: str) -> Encoding:
        return self.known[text]


def fill(pieces: list[list[str]], vectors: NDArray[np.float32]) -> tuple[Tenant, dict[float, AccessScope]]:
    """A tenant whose documents are readable to everybody, three in ten, one in ten, one in a hundred."""
    owner = connections["owner"]
    owner.set_autocommit(True)
    with owner.cursor() as cursor:
        cursor.execute("drop index chunk_embedding")  # one build is quicker than 20,000 insertions
    tenant = a_tenant("bench")
    groups = {share: a_group(tenant, f"{share}") for share in SHARES}
    shelves = {
        share: a_collection(tenant, name=f"{share}", readers=tuple(groups[s] for s in SHARES if s >= share))
        for share in SHARES
    }
    random, row = Random(1), 0
    for start in range(0, len(pieces), DOCUMENTS_AT_ONCE):
        some = pieces[start : start + DOCUMENTS_AT_ONCE]
        drawn = [random.random() for _ in some]
        rows = [
            Document(
                tenant=tenant, collection=shelves[min(s for s in SHARES if luck <= s)],
                title=f"document {start + n}", source_name=f"{start + n}.txt", sensitivity=Sensitivity.INTERNAL,
            )
            for n, (texts, luck) in enumerate(zip(some, drawn, strict=True))
        ]  # fmt: skip
        with managing(tenant.pk):
            Document.objects.bulk_create(rows)
            for document, texts in zip(rows, some, strict=True):
                chunks = [
                    NewChunk(ordinal=n, text=text, heading="", page=None, start_char=0, end_char=len(text))
                    for n, text in enumerate(texts)
                ]
                a_version(document, chunks, vectors[row : row + len(texts)])
                row += len(texts)
    with owner.cursor() as cursor:
        cursor.execute(REBUILD)
        cursor.execute("vacuum analyze")
    return tenant, {share: a_scope(tenant, groups=(groups[share],)) for share in SHARES}


def asking(text: str, scope: AccessScope) -> SearchQuery:
    question = Question(text=text, scope=scope, surface="bench")
    return SearchQuery(question=SafeQuestion(question=question, text=text, verdict=Verdict()), text=text)


def milliseconds(taken: list[float]) -> dict[str, float]:
    return {"p50": round(float(np.quantile(taken, 0.5)), 2), "p95": round(float(np.quantile(taken, 0.95)), 2)}


def unfiltered(scope: AccessScope, vector: NDArray[np.float32]) -> int:
    with reading(scope), connection.cursor() as cursor:
        cursor.execute(UNFILTERED, [scope.tenant_id, dense_text(vector)])
        return len(cursor.fetchall())


async def timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = await work()  # type: ignore[misc]
    return (time.perf_counter() - started) * 1000, result


async def speed(encoder: Encoded, texts: Sequence[str], scope: AccessScope) -> dict[str, object]:
    """Search, permission filter and the unfiltered search in turn, so that a busy machine slows all."""
    finder, permission = HybridRetriever(encoder), DatabasePermissionFilter()
    taken: dict[str, list[float]] = {"fused": [], "permit": [], "unfiltered_top_10": []}
    found: Candidates | None = None
    for text in (*texts[:WARMING], *texts):
        query = asking(text, scope)
        vector = encoder.known[text].vector
        bare, _ = await timed(lambda vector=vector: in_database(unfiltered, scope, vector))
        search, found = await timed(lambda query=query: finder.retrieve(query))  # type: ignore[assignment]
        permit, _ = await timed(lambda query=query, found=found: permission.permit(found, query))
        for name, each in zip(taken, (search, permit, bare), strict=True):
            taken[name].append(each)
    figures: dict[str, object] = {name: milliseconds(each[WARMING:]) for name, each in taken.items()}
    both = np.array(taken["fused"][WARMING:]) + np.array(taken["permit"][WARMING:])
    figures["together"] = milliseconds(both.tolist())
    figures["ratio_to_unfiltered_p50"] = round(
        float(np.median(both) / np.median(taken["unfiltered_top_10"][WARMING:])), 2
    )
    assert found is not None
    return figures | {"path": found.plan.path, "readable_chunks": found.plan.readable_chunks}


def legs(encoder: Encoded, texts: Sequence[str], scope: AccessScope) -> dict[str, object]:
    """Each leg on its own: the same statement, with the other leg asked for nothing."""
    finder = HybridRetriever(encoder)
    figures: dict[str, object] = {}
    for leg in ("dense", "lexical"):
        taken = []
        for text in texts:
            query, vector = asking(text, scope), encoder.known[text].vector
            sql, asked = _leg(finder, query, vector, leg)
            with reading(scope), connection.cursor() as cursor:
                finder._set_out(cursor, query)
                started = time.perf_counter()
                cursor.execute(sql, asked)
                cursor.fetchall()
                taken.append((time.perf_counter() - started) * 1000)
        figures[leg] = milliseconds(taken)
    return figures


def _leg(
    finder: HybridRetriever, query: SearchQuery, vector: NDArray[np.float32], leg: str
) -> tuple[str, dict[str, object]]:
    """The statement the finder would run, cut down to one leg."""
    seen: list[tuple[str, dict[str, object]]] = []

    def watch(execute, sql, params, *rest):  # type: ignore[no-untyped-def]
        if sql.startswith("with"):
            seen.append((sql, params))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(watch):
        finder._search(query, finder._encoders.in_use, vector)
    sql, asked = seen[-1]
    # A materialised part that nobody reads is not run.
    only = f"select chunk_id, document_id, distance from {leg}"
    return sql.removesuffix(statements.FOUND) + "\n" + only, asked


def recall(encoder: Encoded, texts: Sequence[str], scope: AccessScope, limits: Limits) -> float:
    """How many of the ten nearest readable chunks the dense search brings, against comparing each."""
    with managing(scope.tenant_id):
        rows = list(
            Chunk.objects.filter(tenant_id=scope.tenant_id)
            .filter(version__document__principals__overlap=list(scope.principals))
            .values_list("id", "embedding")
        )  # fmt: skip
    ids, every = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.float32)
    finder, shares = HybridRetriever(encoder, limits=limits), []
    for text in texts:
        query, vector = asking(text, scope), encoder.known[text].vector
        sql, asked = _leg(finder, query, vector, "dense")
        with reading(scope), connection.cursor() as cursor:
            finder._set_out(cursor, query)
            cursor.execute(sql, asked)
            brought = {row[0] for row in sorted(cursor.fetchall(), key=lambda row: row[2])[:10]}
        nearest = set(ids[np.argsort(-(every @ vector))[:10]].tolist())
        shares.append(len(brought & nearest) / len(nearest))
    return round(float(np.mean(shares)), 4)


def quality(name: str, encoder: LocalEncoder, cache: Path) -> float:
    """nDCG@10 of the whole search on a judged collection, one chunk a document, everything readable."""
    databases.clone_for(WORKER)
    collection = corpus.judged(name)
    texts = [entry.text for entry in collection.entries]
    _, scopes = fill([[text] for text in texts], corpus.vectors(encoder, texts, cache))
    scope = scopes[1.0]
    asked = {key: text for key, text in collection.questions.items() if key in collection.gains}
    finder = HybridRetriever(Encoded(encoder, list(asked.values())), chunks_max=10)
    with managing(scope.tenant_id):
        numbers = dict(Document.objects.filter(tenant_id=scope.tenant_id).values_list("pk", "source_name"))
    entries = {f"{n}.txt": entry.name for n, entry in enumerate(collection.entries)}
    scores = []
    for key, text in asked.items():
        found = asyncio.run(finder.retrieve(asking(text, scope))).ranked
        ranked = [entries[numbers[each.document_id]] for each in found]
        scores.append(ndcg(ranked, collection.gains[key]))
    return round(float(np.mean(scores)), 4)


def ndcg(ranked: Sequence[str], gains: dict[str, int], depth: int = 10) -> float:
    def discounted(values: Sequence[int]) -> float:
        return sum(value / np.log2(place + 2) for place, value in enumerate(values[:depth]))

    ideal = discounted(sorted(gains.values(), reverse=True))
    return discounted([gains.get(name, 0) for name in ranked]) / ideal if ideal else 0.0


def measure(chunks: int, models: Path, with_quality: bool) -> dict[str, object]:
    cache = models / "bench"
    pieces = corpus.documents(chunks)
    flat = [text for each in pieces for text in each]
    vectors = corpus.vectors(LocalEncoder(models, threads=2, tokens_max=TOKENS_READ), flat, cache)
    encoder = LocalEncoder(models, threads=2)
    texts = list(corpus.judged("scifact").questions.values())[:QUESTIONS]
    encoded = Encoded(encoder, texts)
    _, scopes = fill(pieces, vectors)
    figures: dict[str, object] = {"chunks": len(flat), "terms_in_a_chunk": _ordinary_length(flat)}
    for share, scope in scopes.items():
        own = asyncio.run(speed(encoded, texts, scope)) | legs(encoded, texts[:30], scope)
        own["recall_at_10"] = recall(encoded, texts[:50], scope, Limits())
        figures[f"share_{share:g}"] = own
    if with_quality:
        figures["ndcg_at_10"] = {name: quality(name, encoder, cache) for name in corpus.COLLECTIONS}
    return figures


def _ordinary_length(texts: Sequence[str]) -> float:
    return round(float(np.mean([sum(document_terms(text).values()) for text in texts[:2_000]])), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--models", type=Path, default=Path(settings.RAGSITE_MODELS_FOLDER))
    parser.add_argument("--quality", action="store_true", help="nDCG@10 too; encodes both collections")
    chosen = parser.parse_args()
    if not corpus.available():
        sys.exit(
            f"The collections do not lie in {corpus.folder()}. Set RAGSITE_DATA to the folder above 'ir'."
        )
    databases.prepare_template()
    databases.clone_for(WORKER)
    try:
        print(json.dumps(measure(chosen.chunks, chosen.models, chosen.quality)))
    finally:
        databases.drop(WORKER)


if __name__ == "__main__":
    main()
