"""The folder of the built encoder: made once, checked at every start, replaced as a whole.

Beside graph, weights and tokenizer lies a record of the digest of each, of the weights they were built
from and of the format. A start hashes all three files (about a quarter of a second, less than a fifth
of the allowed load time), so a half-written or damaged graph is never run. The record guards against
accidents: whoever may write this folder may also write the record.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.encoders.weights import (
    TOKENIZER_SHA256,
    WEIGHTS_SHA256,
    read_tensors,
    read_verified,
    weights_folder,
)

NAME = "all-MiniLM-L6-v2"
FORMAT = 1  # raised whenever graph.py would build something else from the same weights

GRAPH = "graph.onnx"
WEIGHTS = "weights.bin"
TOKENIZER = "tokenizer.json"
RECORD = "record.json"

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing about progress."""


def prepare(models_folder: Path, source: Path | None = None, say: Say = silent) -> Path:
    """The folder of a built and checked encoder under `models_folder`, built first where it is not.

    source: folder of `model.safetensors` and `tokenizer.json`; None: the installed package.
    say: told each step in a sentence.

    Safe to call from several processes at once: one builds, the others wait for it.
    Raises WeightsRefused when it must build and the source is missing or not the expected one.
    """
    folder = models_folder / NAME
    if intact(folder):
        return folder
    models_folder.mkdir(parents=True, exist_ok=True)
    with _locked(models_folder / f"{NAME}.lock"):
        if not intact(folder):
            _build(folder, source or weights_folder(), say)
    return folder


def intact(folder: Path) -> bool:
    """Whether the folder holds this version's encoder, every byte as it was written."""
    try:
        record = json.loads((folder / RECORD).read_text())
        return bool(record == _record(folder))
    except (OSError, ValueError):
        return False


def _record(folder: Path) -> dict[str, object]:
    """What the record of this folder must say for its files to be used."""
    digests = {name: _sha256(folder / name) for name in (GRAPH, WEIGHTS, TOKENIZER)}
    return {"format": FORMAT, "built_from": WEIGHTS_SHA256, "files": digests}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path, source: Path, say: Say) -> None:
    # Imported by whoever builds, so that every other process does without the package onnx.
    from retrieval.encoders.graph import build_graph

    say("Verifying the encoder's weights.")
    content = read_verified(source / "model.safetensors", WEIGHTS_SHA256)
    tokenizer = read_verified(source / TOKENIZER, TOKENIZER_SHA256)
    say("Building the encoder's graph.")
    graph, weights = build_graph(read_tensors(content), WEIGHTS)
    fresh = Path(tempfile.mkdtemp(prefix=f"{NAME}.", dir=folder.parent))
    try:
        _write(fresh / WEIGHTS, weights)
        _write(fresh / GRAPH, [graph])
        _write(fresh / TOKENIZER, [tokenizer])
        _write(fresh / RECORD, [json.dumps(_record(fresh), indent=1).encode()])
        _replace(folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def _replace(folder: Path, fresh: Path) -> None:
    # The old files are moved and unlinked, never written into: running processes have them mapped.
    fresh.chmod(0o755)
    if folder.exists():
        old = folder.rename(fresh.with_suffix(".old"))
        fresh.rename(folder)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)
