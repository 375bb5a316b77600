import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.encoders.local import LocalEncoder
from retrieval.encoders.prepared import prepare

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden.json"


@pytest.fixture(scope="session")
def models_folder() -> Iterator[Path]:
    """A built encoder. Not tmp_path, which would keep its 90 MB for three runs."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        yield Path(folder)


@pytest.fixture(scope="session")
def encoder(models_folder: Path) -> LocalEncoder:
    return LocalEncoder(models_folder, threads=2)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """An empty folder for a test that builds an encoder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def golden() -> dict[str, NDArray[np.float64]]:
    """Reference vectors by their texts, made with sentence-transformers."""
    items = json.loads(GOLDEN.read_text())["items"]
    return {item["text"]: np.array(item["embedding"]) for item in items}
