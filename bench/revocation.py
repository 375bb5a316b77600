"""From the commit of a revocation to the last thing an open stream delivers: a histogram.

A real uvicorn, real HTTP, a language model that never stops talking. One stream after the other
loses its right, in a different way each time, beside others that go on. Makes a
database of its own beside the configured one and drops it. Prints one JSON line. `make bench-revocation`.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import django

django.setup()

import httpx2
import numpy as np
from django.db import connection

from accounts.database import in_database
from tests.browser.conftest import wait_for_backends_to_leave
from tests.http.test_streams import Site, serving_a_model
from tests.retrieval.standing.ways import KEY_LOSSES, LOSSES, Scene, a_scene, happen
from tests.support import databases
from tests.support.openai_server import Reply

WORKER = "bench_revocation"
# Talks until the limit of an answer is reached, long after its stream has lost its right.
ENDLESS = Reply(pieces=("word ",) * 30_000, between_pieces_seconds=0.02)
BUCKETS_MS = (5, 10, 20, 50, 100, 200, 500, 1000)


class OpenStream:
    """One stream, read as it comes; knows when each piece of text came and when and how it ended."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.begun = asyncio.Event()
        self.delivered: list[float] = []  # perf_counter of each piece of answer
        self.ended_at = 0.0
        self.body = ""

    async def read(self, site: Site) -> None:
        headers = {"Authorization": f"Bearer {self.scene.secret}", "Accept": "text/event-stream"}
        question = {"question": f"How many days of holiday? {id(self)}"}
        async with (
            httpx2.AsyncClient(timeout=600) as client,
            client.stream("POST", site.url, json=question, headers=headers) as answer,
        ):
            async for text in answer.aiter_text():
                if "event: delta" in text:
                    self.delivered.append(time.perf_counter())
                    self.begun.set()
                self.body = (self.body + text)[-2000:]
        self.ended_at = time.perf_counter()


async def lose(stream: OpenStream, way: str) -> float:
    """When the change was committed, by the clock the stream is timed with."""

    def change() -> float:
        happen((LOSSES | KEY_LOSSES)[way], stream.scene)
        return time.perf_counter()

    return await in_database(change)


async def others(site: Site, scene: Scene) -> None:
    """Somebody whose right nobody touches: one answer after the other, for as long as is measured."""
    while True:
        await OpenStream(scene).read(site)


async def measure(site: Site, scenes: list[Scene], at_once: int) -> dict[str, Any]:
    ways = [way for way in LOSSES | KEY_LOSSES if way != "her grant ends"]
    beside = [asyncio.ensure_future(others(site, scene)) for scene in scenes[:at_once]]
    ended_ms, late_ms, unexplained = [], [], 0
    for number, scene in enumerate(scenes[at_once:]):
        stream = OpenStream(scene)
        reading = asyncio.ensure_future(stream.read(site))
        await asyncio.wait_for(stream.begun.wait(), 60)
        committed = await lose(stream, ways[number % len(ways)])
        await asyncio.wait_for(reading, 60)
        ended_ms.append((stream.ended_at - committed) * 1000)
        late_ms += [(at - committed) * 1000 for at in stream.delivered if at > committed]
        unexplained += "access_revoked" not in stream.body
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    counts = Counter(next((b for b in BUCKETS_MS if ms <= b), 10_000) for ms in ended_ms)
    return {
        "revocations": len(ended_ms),
        "streams_open_at_once": at_once,
        "ways": len(ways),
        "stream_ended_p50_ms": round(statistics.median(ended_ms), 1),
        "stream_ended_p99_ms": round(float(np.quantile(ended_ms, 0.99)), 1),
        "stream_ended_max_ms": round(max(ended_ms), 1),
        "histogram_ms": {f"<={bucket}": counts.get(bucket, 0) for bucket in (*BUCKETS_MS, 10_000)},
        "pieces_received_after_commit": len(late_ms),
        "latest_piece_after_commit_ms": round(max(late_ms, default=0.0), 1),
        "ended_for_another_reason": unexplained,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=30)
    arguments = parser.parse_args()
    databases.prepare_template()
    databases.clone_for(WORKER)
    name = str(connection.settings_dict["NAME"])
    try:
        scenes = [a_scene() for _ in range(arguments.revocations + arguments.at_once)]
        connection.close()
        with serving_a_model(ENDLESS) as site:
            print(json.dumps(asyncio.run(measure(site, scenes, arguments.at_once))))
    finally:
        connection.close()
        wait_for_backends_to_leave(name)
        databases.drop(WORKER)


if __name__ == "__main__":
    main()
