"""Real text for the benchmarks: 20,000 overlapping pieces of SciFact and Cranfield, with their vectors.

The collections lie beside the checkout (`RAGSITE_DATA`, or ../shared/data) and are never shipped.
"""

import csv
import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.interfaces import Encoder

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ("scifact", "cranfield")
WORDS, STEP = 128, 48  # a piece's length, and the way to the next one, in words
ENCODED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A document of a collection, title and text as one."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A collection with its questions and what was judged relevant to each, gains by document."""

    entries: tuple[Entry, ...]
    questions: dict[str, str]
    gains: dict[str, dict[str, int]]


def folder() -> Path:
    return Path(os.environ.get("RAGSITE_DATA", ROOT.parent / "shared" / "data")) / "ir"


def available() -> bool:
    return all((folder() / name / "corpus.jsonl.gz").is_file() for name in COLLECTIONS)


def judged(name: str) -> Judged:
    """One collection. Raises FileNotFoundError where it does not lie."""
    entries = tuple(
        Entry(name=each["_id"], text=f"{each['title']} {each['text']}".strip())
        for each in _lines(folder() / name / "corpus.jsonl.gz")
    )
    questions = {each["_id"]: each["text"] for each in _lines(folder() / name / "queries.jsonl.gz")}
    gains: dict[str, dict[str, int]] = {}
    with gzip.open(folder() / name / "qrels.tsv.gz", "rt") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            gains.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return Judged(entries=entries, questions=questions, gains=gains)


def documents(chunks: int) -> list[list[str]]:
    """Pieces by document, `chunks` of them in all (fewer where the text ends)."""
    entries = [entry for name in COLLECTIONS for entry in judged(name).entries]
    kept: list[list[str]] = []
    for entry in entries:
        pieces = list(windows(entry.text))[:chunks]
        chunks -= len(pieces)
        if pieces:
            kept.append(pieces)
    return kept


def windows(text: str) -> Iterator[str]:
    words = text.split()
    for start in range(0, max(1, len(words) - WORDS + STEP), STEP):
        yield " ".join(words[start : start + WORDS])


def vectors(encoder: Encoder, texts: Sequence[str], cache: Path) -> NDArray[np.float32]:
    """Encode texts, or read what an earlier run encoded of the same texts; shape (texts, dimensions)."""
    digest = hashlib.sha256("\0".join((encoder.name, *texts)).encode()).hexdigest()[:16]
    path = cache / f"vectors-{digest}.npy"
    if path.is_file():
        return np.load(path)
    rows: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), ENCODED_AT_ONCE):
        rows.extend(each.vector for each in encoder.encode(texts[start : start + ENCODED_AT_ONCE]))
        print(f"encoded {len(rows):,} of {len(texts):,}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, encoded := np.stack(rows))
    return encoded


def _lines(path: Path) -> Iterable[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        yield from map(json.loads, file)
