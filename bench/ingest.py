"""Ingestion beside the bare encoder: speed, memory, two workers. Prints one JSON line. `make bench-ingest`.

A corpus of 2,000 files in all formats is made from a fixed seed. The encoder alone reads the very texts of
that corpus, with the same threads, before the run and after it. Memory is that of a worker with its parser
processes, sampled over the whole run and over a text file of 300 MB, which is read, split and kept whole
and embedded for its first thousands of chunks. Two workers embed with a remote endpoint, scripted, 20 ms a
batch, in processes of their own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import django

django.setup()

import psutil
from django.conf import settings

from accounts.models import Tenant
from bench.ingest_corpus import write_corpus, write_large_text
from retrieval.assembly import encoder, ingestion_components, tokenizer
from retrieval.ingestion.bulk import Batch, find_files, take_files
from retrieval.ingestion.pipeline import IngestionComponents
from retrieval.interfaces import Encoding
from retrieval.models import Collection
from tests.factories import a_collection, a_tenant, fake_vector
from tests.retrieval.ingestion.parts import recorded
from tests.support import databases

WORKER = "bench_ingest"
SAMPLE = 600  # chunks the encoder reads alone, before and after
LARGE_BYTES, LARGE_CHUNKS = 300 * 1024 * 1024, 4_000
BATCH_SECONDS = 0.020
ENDPOINT = Path(__file__).with_name("ingest_endpoint.py")


class Memory:
    """The largest resident size of this process and its children, in MB, sampled ten times a second."""

    def __init__(self) -> None:
        self.highest = 0.0
        self._ended = threading.Event()
        self._own = psutil.Process()

    def __enter__(self) -> "Memory":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.highest = max(self.highest, self._resident() / 1e6)

    def _resident(self) -> int:
        total = int(self._own.memory_info().rss)
        for child in self._own.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total


class Listening:
    """An encoder that remembers some of the texts it was given, so that it can be asked for them alone."""

    def __init__(self, encoder: Any, most: int) -> None:
        self.name, self.dimensions, self.tokens_max = encoder.name, encoder.dimensions, encoder.tokens_max
        self.heard: list[str] = []
        self._encoder, self._most = encoder, most

    def encode(self, texts: Any) -> list[Encoding]:
        texts = list(texts)
        if len(self.heard) < self._most:
            self.heard += texts
        return list(self._encoder.encode(texts))

    async def encode_one(self, text: str) -> Encoding:
        return self.encode([text])[0]


class Enough(Exception):
    """The large file has shown what it is to show."""


class Instant:
    """Vectors at once, and an end after so many of them."""

    def __init__(self, encoder: Any, most: int) -> None:
        self.name, self.dimensions, self.tokens_max = encoder.name, encoder.dimensions, encoder.tokens_max
        self.encoded, self._most = 0, most

    def encode(self, texts: Any) -> list[Encoding]:
        texts = list(texts)
        self.encoded += len(texts)
        if self.encoded > self._most:
            raise Enough
        return [Encoding(vector=fake_vector(text, self.dimensions)) for text in texts]

    async def encode_one(self, text: str) -> Encoding:
        return self.encode([text])[0]


def chunks_per_second(encoder: Any, texts: list[str]) -> float:
    """As the pipeline asks: 64 at a time."""
    started = time.perf_counter()
    for start in range(0, len(texts), 64):
        encoder.encode(texts[start : start + 64])
    return len(texts) / (time.perf_counter() - started)


def batch_of(collection: Collection, components: IngestionComponents) -> Batch:
    return Batch(collection=collection, components=components, bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX)


@contextmanager
def database(name: str) -> Iterator[Tenant]:
    databases.clone_for(name)
    try:
        yield a_tenant("bench")
    finally:
        databases.drop(name)


def speed(files: list[Path], jobs: int) -> dict[str, Any]:
    """The whole way of every file, and the encoder alone before and after it."""
    components, bare = ingestion_components(), encoder()
    listening = Listening(bare, SAMPLE)
    parts = replace(components, encoders=lambda: recorded(listening))
    with database(WORKER) as tenant, Memory() as memory:
        batch = batch_of(a_collection(tenant), parts)
        list(take_files(find_files(files[:16]), batch))  # everything is loaded, and a first sample heard
        before = chunks_per_second(bare, listening.heard)
        started, chunks, outcomes = time.perf_counter(), 0, Counter[str]()
        for taken in take_files(find_files(files[16:]), batch, jobs=jobs):
            chunks += taken.chunks
            outcomes[taken.outcome] += 1
        seconds = time.perf_counter() - started
        after = chunks_per_second(bare, listening.heard[:SAMPLE])
    alone = (before + after) / 2
    return {
        "ratio_to_encoder": round(chunks / seconds / alone, 3),
        "chunks_per_second": round(chunks / seconds, 1),
        "encoder_alone_before": round(before, 1),
        "encoder_alone_after": round(after, 1),
        "chunks": chunks,
        "outcomes": dict(outcomes),
        "rss_mb_corpus": round(memory.highest),
    }


def large(folder: Path) -> dict[str, Any]:
    """A text file of 300 MB: read, split and kept, and the first thousands of its chunks indexed."""
    path = folder / "large.txt"
    write_large_text(path, LARGE_BYTES)
    components = ingestion_components()
    instant = Instant(encoder(), LARGE_CHUNKS)
    parts = replace(components, encoders=lambda: recorded(instant))
    started = time.perf_counter()
    with database(WORKER) as tenant, Memory() as memory:
        (taken,) = take_files(find_files([path]), batch_of(a_collection(tenant), parts))
        if "Enough" not in taken.reason:
            raise SystemExit(f"The large file was not taken in: {taken.reason}")
    return {"rss_mb_large": round(memory.highest), "large_seconds": round(time.perf_counter() - started, 1)}


def two_workers(files: list[Path]) -> dict[str, Any]:
    """One worker process with all files against two with half of them each, over the same endpoint."""
    endpoint = subprocess.Popen(
        [sys.executable, str(ENDPOINT), str(BATCH_SECONDS)], stdout=subprocess.PIPE, text=True
    )
    assert endpoint.stdout is not None
    try:
        base_url = endpoint.stdout.readline().strip()
        one = run_workers([files], base_url)
        two = run_workers([files[::2], files[1::2]], base_url)
    finally:
        endpoint.terminate()
        endpoint.wait()
    return {
        "two_workers_ratio": round(two / one, 3),
        "one_worker_chunks_per_second": round(one, 1),
        "two_workers_chunks_per_second": round(two, 1),
    }


def run_workers(shares: list[list[Path]], base_url: str) -> float:
    """Chunks a second of workers that all begin at once, everything loaded."""
    with database(WORKER) as tenant:
        collection = a_collection(tenant)
        name = settings.DATABASES["default"]["NAME"]
        environment = os.environ | {
            "RAGSITE_ENCODER": "openai",
            "RAGSITE_EMBEDDINGS_BASE_URL": base_url,
            "RAGSITE_EMBEDDINGS_API_KEY": "scripted",
            "RAGSITE_EMBEDDINGS_MODEL": "scripted",
        }
        workers = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", str(name), str(tenant.pk), str(collection.pk)],
                env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in shares
        ]  # fmt: skip
        for worker in workers:
            assert worker.stdout is not None
            if worker.stdout.readline().strip() != "ready":
                raise SystemExit("A worker did not start.")
        started = time.perf_counter()
        for worker, share in zip(workers, shares, strict=True):
            assert worker.stdin is not None
            worker.stdin.write("\n".join(map(str, share)))
            worker.stdin.close()
        chunks = sum(int(worker.stdout.read()) for worker in workers if worker.stdout)
        seconds = time.perf_counter() - started
        for worker in workers:
            worker.wait()
    return chunks / seconds


def work(name: str, tenant_id: str, collection_id: str) -> None:
    """One worker: says that it is ready, takes in the files it is told, says how many chunks they had."""
    from accounts.database import managing

    databases.use(name)
    with managing(Tenant.objects.get(pk=tenant_id).pk):
        collection = Collection.objects.select_related("tenant").get(pk=collection_id)
    components = ingestion_components()
    tokenizer()
    print("ready", flush=True)
    files = find_files([Path(line.strip()) for line in sys.stdin if line.strip()])
    print(sum(taken.chunks for taken in take_files(files, batch_of(collection, components))), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=3, help="files worked on at once beside one encoder")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        return
    databases.prepare_template()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_corpus(folder, arguments.documents)
        figures = (
            speed(files, arguments.jobs) | large(folder) | two_workers(files[: arguments.documents // 5])
        )
    figures["rss_mb_max"] = max(figures["rss_mb_corpus"], figures["rss_mb_large"])
    sizes = {
        "documents": arguments.documents,
        "jobs": arguments.jobs,
        "threads": settings.RAGSITE_ENCODER_THREADS,
    }
    print(json.dumps({"sizes": sizes, **figures}))


if __name__ == "__main__":
    main()
