"""What the local encoder costs, as one JSON line: `python bench/encoder.py [MODELS_FOLDER]`."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from retrieval.encoders.local import LocalEncoder
from retrieval.encoders.prepared import prepare

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "data" / "golden.json"
QUESTION = "How many days of paid leave do new employees receive every year?"  # 12 words, 15 tokens
CHUNK = " ".join([QUESTION] * 15)  # 197 tokens
QUESTIONS = 300
CHUNKS = 96


def load_seconds(folder: Path, threads: int) -> tuple[LocalEncoder, float]:
    """An encoder that is ready, and what that took with the graph already built."""
    encoder = LocalEncoder(folder, threads)
    started = time.perf_counter()
    encoder.warm()
    return encoder, time.perf_counter() - started


async def question_ms(encoder: LocalEncoder) -> list[float]:
    taken = []
    for _ in range(QUESTIONS):
        started = time.perf_counter()
        await encoder.encode_one(QUESTION)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def texts_per_second(encoder: LocalEncoder, text: str, count: int) -> float:
    started = time.perf_counter()
    encoder.encode([text] * count)
    return count / (time.perf_counter() - started)


def cosine_min(encoder: LocalEncoder) -> float:
    """The worst agreement with the reference vectors, 1 being perfect."""
    items = json.loads(GOLDEN.read_text())["items"]
    encodings = encoder.encode([item["text"] for item in items])
    references = [np.array(item["embedding"]) for item in items]
    return min(
        float(encoding.vector @ reference / np.linalg.norm(reference))
        for encoding, reference in zip(encodings, references, strict=True)
    )


def measure(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    prepare(folder)
    figures: dict[str, float] = {"prepare_seconds": round(time.perf_counter() - started, 2)}
    for threads in (1, 2):
        encoder, seconds = load_seconds(folder, threads)
        taken = asyncio.run(question_ms(encoder))
        figures[f"load_seconds_threads_{threads}"] = round(seconds, 2)
        figures[f"question_p50_ms_threads_{threads}"] = round(float(np.quantile(taken, 0.5)), 2)
        figures[f"question_p95_ms_threads_{threads}"] = round(float(np.quantile(taken, 0.95)), 2)
        figures[f"chunks_per_second_threads_{threads}"] = round(texts_per_second(encoder, CHUNK, CHUNKS), 1)
        figures[f"questions_per_second_threads_{threads}"] = round(
            texts_per_second(encoder, QUESTION, QUESTIONS), 1
        )
    return figures | {"cosine_min": round(cosine_min(encoder), 7)}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder))))


if __name__ == "__main__":
    main()
