import asyncio
import json
import socket

import numpy as np
import pytest

from retrieval.encoders.openai import TEXTS_PER_REQUEST_MAX, RemoteEncoder
from retrieval.errors import EncoderMismatch, EncoderUnavailable
from retrieval.interfaces import Encoder
from tests.support.embeddings_server import EmbeddingsServer, embeddings_server, vector_of

DIMENSIONS = 8


def remote(
    base_url: str, *, dimensions: int = DIMENSIONS, timeout: float = 10.0, retries: int = 0
) -> RemoteEncoder:
    return RemoteEncoder(
        base_url=base_url,
        api_key="key-of-the-tests",
        model="test-embeddings",
        dimensions=dimensions,
        timeout_seconds=timeout,
        retries_max=retries,
    )


def unit(text: str) -> np.ndarray:
    vector = vector_of(text, DIMENSIONS)
    return vector / np.linalg.norm(vector)


def test_it_is_an_encoder_named_after_its_model():
    encoder: Encoder = remote("http://127.0.0.1:9/v1")

    assert (encoder.name, encoder.dimensions) == ("test-embeddings", DIMENSIONS)
    assert encoder.tokens_max > 0


@pytest.mark.parametrize("only_floats", [False, True])
def test_vectors_come_back_normalised_whichever_way_they_are_written(only_floats: bool):
    with embeddings_server(EmbeddingsServer(only_floats=only_floats)) as server:
        encodings = remote(server.base_url).encode(["first", "second"])

    for text, encoding in zip(["first", "second"], encodings, strict=True):
        assert np.allclose(encoding.vector, unit(text), atol=1e-6)
        assert encoding.vector.dtype == np.float32
        assert encoding.states is None


def test_the_key_and_the_model_are_sent():
    with embeddings_server(EmbeddingsServer()) as server:
        remote(server.base_url).encode(["text"])

    assert server.authorizations == ["Bearer key-of-the-tests"]
    assert server.requests[0]["model"] == "test-embeddings"


def test_no_text_makes_no_request():
    with embeddings_server(EmbeddingsServer()) as server:
        assert remote(server.base_url).encode([]) == []

    assert server.requests == []


def test_many_texts_travel_in_bounded_requests_and_keep_their_order():
    texts = [f"text {number}" for number in range(2 * TEXTS_PER_REQUEST_MAX + 1)]
    with embeddings_server(EmbeddingsServer(reversed=True)) as server:
        encodings = remote(server.base_url).encode(texts)

    sizes = [len(request["input"]) for request in server.requests]
    assert sizes == [TEXTS_PER_REQUEST_MAX, TEXTS_PER_REQUEST_MAX, 1]
    for text, encoding in zip(texts, encodings, strict=True):
        assert np.allclose(encoding.vector, unit(text), atol=1e-6)


def test_an_empty_text_and_a_lone_surrogate_are_sent_as_something_endpoints_take():
    with embeddings_server(EmbeddingsServer()) as server:
        remote(server.base_url).encode(["", "\ud800"])

    assert server.requests[0]["input"] == [" ", "?"]


def test_encode_one_works_in_one_event_loop_after_another():
    with embeddings_server(EmbeddingsServer()) as server:
        encoder = remote(server.base_url)
        first = asyncio.run(encoder.encode_one("same"))
        second = asyncio.run(encoder.encode_one("same"))

    assert np.allclose(first.vector, unit("same"), atol=1e-6)
    assert first.vector.tolist() == second.vector.tolist()


def test_vectors_of_another_dimension_are_refused_with_both_numbers():
    with embeddings_server(EmbeddingsServer(dimensions=6)) as server:
        encoder = remote(server.base_url)
        with pytest.raises(EncoderMismatch, match="configured with 8 dimensions; its endpoint sent 6"):
            encoder.encode(["text"])
        with pytest.raises(EncoderMismatch, match="configured with 8 dimensions; its endpoint sent 6"):
            asyncio.run(encoder.encode_one("text"))


def test_a_passing_failure_is_tried_again():
    with embeddings_server(EmbeddingsServer(statuses=[500, 429])) as server:
        encoder = remote(server.base_url, retries=2)
        [encoding] = encoder.encode(["text"])

    assert np.allclose(encoding.vector, unit("text"), atol=1e-6)
    assert len(server.requests) == 3


def test_retries_end():
    with embeddings_server(EmbeddingsServer(statuses=[503] * 10)) as server:
        encoder = remote(server.base_url, retries=2)
        with pytest.raises(EncoderUnavailable, match="answered 503") as failure:
            encoder.encode(["text"])
        assert len(server.requests) == 3
        with pytest.raises(EncoderUnavailable, match="answered 503"):
            asyncio.run(encoder.encode_one("text"))

    assert len(server.requests) == 6
    assert not failure.value.permanent


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_by_the_endpoint_is_permanent_and_not_tried_again(status: int):
    scripted = EmbeddingsServer(statuses=[status])
    with embeddings_server(scripted) as server, pytest.raises(EncoderUnavailable) as failure:
        remote(server.base_url, retries=2).encode(["text"])

    assert f"answered {status}" in str(failure.value)
    assert failure.value.permanent
    assert len(scripted.requests) == 1


def test_an_endpoint_that_never_answers_is_given_up():
    with embeddings_server(EmbeddingsServer(silent=True)) as server:
        encoder = remote(server.base_url, timeout=0.2)
        with pytest.raises(EncoderUnavailable, match="could not be reached in time") as failure:
            encoder.encode(["text"])
        with pytest.raises(EncoderUnavailable, match="could not be reached in time"):
            asyncio.run(encoder.encode_one("text"))

    assert not failure.value.permanent


def test_an_endpoint_that_is_not_there_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(EncoderUnavailable):
        remote(f"http://127.0.0.1:{port}/v1").encode(["text"])


def embeddings(*entries: dict[str, object]) -> bytes:
    return json.dumps({"object": "list", "model": "m", "data": entries}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Sign in</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"data": 5}',
        b'{"data": [null]}',
        b'"text"',
        embeddings(),
        embeddings({"index": 1, "embedding": [1.0] * 8}),
        embeddings({"index": 0, "embedding": [1.0] * 8}, {"index": 1, "embedding": [1.0] * 8}),
        embeddings({"index": 0, "embedding": [0.0] * 8}),
        embeddings({"index": 0, "embedding": [float("nan")] * 8}),
        embeddings({"index": 0, "embedding": None}),
        embeddings({"index": 0, "embedding": "not base64!"}),
        embeddings({"index": 0, "embedding": ["a"] * 8}),
        embeddings({"embedding": [1.0] * 8}),
    ],
)
def test_an_answer_that_makes_no_sense_is_unavailable(answer: bytes):
    with embeddings_server(EmbeddingsServer(answer=answer)) as server:
        encoder = remote(server.base_url)
        with pytest.raises(EncoderUnavailable):
            encoder.encode(["text"])
        with pytest.raises(EncoderUnavailable):
            asyncio.run(encoder.encode_one("text"))


def test_no_failure_repeats_the_text_or_the_key():
    for server_failing in (EmbeddingsServer(statuses=[500]), EmbeddingsServer(statuses=[401])):
        with embeddings_server(server_failing) as server, pytest.raises(EncoderUnavailable) as failure:
            remote(server.base_url).encode(["a confidential text"])

        assert "confidential" not in str(failure.value)
        assert "key-of-the-tests" not in str(failure.value)
