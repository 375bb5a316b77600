import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from retrieval.encoders.weights import WeightsRefused, read_tensors, read_verified, weights_folder

tensors = st.dictionaries(
    st.text(min_size=1, max_size=20).filter(lambda name: name != "__metadata__"),
    npst.arrays(dtype=np.dtype("<f4"), shape=npst.array_shapes(min_dims=0, max_side=4))
    | npst.arrays(dtype=np.dtype("<i8"), shape=npst.array_shapes(min_dims=0, max_side=4)),
    max_size=4,
)


def safetensors(arrays: dict[str, np.ndarray], **changed: object) -> bytes:
    """A safetensors file of these arrays; `changed` overrides fields of every header entry."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, array in arrays.items():
        kind = "F32" if array.dtype == np.float32 else "I64"
        offsets = [len(body), len(body) + array.nbytes]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets} | changed
        body += array.tobytes()
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + body


@given(tensors)
def test_tensors_come_back_as_they_were_written(arrays):
    found = read_tensors(safetensors(arrays))

    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": "BF16"},
        {"shape": [3, -1]},
        {"shape": "three"},
        {"shape": [4]},
        {"data_offsets": [0, 4000]},
        {"data_offsets": [-12, 0]},
        {"data_offsets": [12, 0]},
        {"data_offsets": [0]},
    ],
)
def test_a_tensor_that_cannot_be_is_refused(changed):
    with pytest.raises(ValueError, match="tensor 'a'"):
        read_tensors(safetensors({"a": np.zeros(3, np.float32)}, **changed))


@given(st.binary(max_size=64))
def test_noise_is_refused_with_a_value_error(noise):
    with pytest.raises(ValueError):
        read_tensors(noise + b"\xff" * 8)


def test_the_installed_weights_are_the_expected_ones_and_whole():
    content = (weights_folder() / "model.safetensors").read_bytes()

    names = read_tensors(content)

    assert names["embeddings.word_embeddings.weight"].shape == (30522, 384)


def test_a_file_of_another_digest_is_refused_with_both_digests(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"something else")

    with pytest.raises(WeightsRefused) as refusal:
        read_verified(path, "00" * 32)

    assert "00" * 32 in str(refusal.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(refusal.value)


def test_an_absent_file_is_refused_with_its_name(tmp_path: Path):
    with pytest.raises(WeightsRefused, match=r"model\.safetensors cannot be read"):
        read_verified(tmp_path / "model.safetensors", "00" * 32)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("retrieval.encoders.weights.PACKAGE", "no_such_package_of_weights")

    with pytest.raises(WeightsRefused, match="no_such_package_of_weights is not installed"):
        weights_folder()
