import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.encoders import prepared
from retrieval.encoders.local import LocalEncoder
from retrieval.encoders.prepared import GRAPH, NAME, RECORD, TOKENIZER, WEIGHTS, intact, prepare
from retrieval.encoders.weights import WeightsRefused, weights_folder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def built(models_folder: Path, scratch: Path) -> Path:
    """A models folder of the test's own, with the built encoder in it."""
    shutil.copytree(models_folder / NAME, scratch / NAME)
    return scratch


def builds(models_folder: Path) -> bool:
    """Whether preparing this folder builds the graph."""
    said: list[str] = []
    prepare(models_folder, say=said.append)
    return bool(said)


def flip_one_byte(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        [byte] = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def test_an_absent_graph_is_built_and_a_present_one_is_left_alone(scratch: Path):
    assert builds(scratch)
    assert not builds(scratch)


@pytest.mark.parametrize(("name", "position"), [("model.safetensors", 50_000_000), (TOKENIZER, 200_000)])
def test_a_source_with_one_bit_flipped_is_refused_and_nothing_is_built(
    scratch: Path, name: str, position: int
):
    source = shutil.copytree(weights_folder(), scratch / "source")
    flip_one_byte(source / name, position)

    with pytest.raises(WeightsRefused, match=f"{name} must have SHA-256"):
        prepare(scratch / "models", source)

    assert not (scratch / "models" / NAME).exists()


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, TOKENIZER])
def test_a_built_file_with_one_bit_flipped_is_not_intact(built: Path, name: str):
    flip_one_byte(built / NAME / name, 5000)

    assert not intact(built / NAME)


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, TOKENIZER, RECORD])
def test_a_graph_with_a_file_missing_is_not_intact(built: Path, name: str):
    (built / NAME / name).unlink()

    assert not intact(built / NAME)


def test_a_graph_built_from_other_weights_is_built_again(built: Path):
    record = json.loads((built / NAME / RECORD).read_text())
    (built / NAME / RECORD).write_text(json.dumps(record | {"built_from": "00" * 32}))

    assert builds(built)


def test_a_graph_of_another_format_is_built_again(built: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prepared, "FORMAT", prepared.FORMAT + 1)

    assert builds(built)


def test_a_record_cut_short_vouches_for_nothing(built: Path):
    (built / NAME / RECORD).write_text('{"format": 1')

    assert not intact(built / NAME)


def test_an_encoder_builds_a_damaged_graph_again_before_it_serves(built: Path):
    flip_one_byte(built / NAME / WEIGHTS, 60_000_000)

    LocalEncoder(built, threads=1).warm()

    assert intact(built / NAME)


def test_a_build_that_fails_leaves_the_folder_as_it_was(built: Path, monkeypatch: pytest.MonkeyPatch):
    (built / NAME / GRAPH).write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepared, "_write", full)
    with pytest.raises(OSError, match="No space"):
        prepare(built)

    assert (built / NAME / GRAPH).read_bytes() == b"old"
    assert {path.name for path in built.iterdir()} == {NAME, f"{NAME}.lock"}


def test_a_rebuild_leaves_nothing_behind(built: Path):
    (built / NAME / GRAPH).write_bytes(b"old")

    prepare(built)

    assert {path.name for path in built.iterdir()} == {NAME, f"{NAME}.lock"}
    assert {path.name for path in (built / NAME).iterdir()} == {GRAPH, WEIGHTS, TOKENIZER, RECORD}


def test_a_process_that_uses_the_old_graph_is_not_disturbed_by_a_rebuild(built: Path):
    encoder = LocalEncoder(built, threads=1)
    before = encoder.encode(["a question"])[0].vector
    (built / NAME / RECORD).unlink()
    prepare(built)

    after = encoder.encode(["a question"])[0].vector

    assert after.tolist() == before.tolist()


PREPARING = """
import sys
from pathlib import Path
from retrieval.encoders.prepared import prepare
said = []
print("here", flush=True)
prepare(Path(sys.argv[1]), say=said.append)
print(len(said))
"""


def test_of_processes_that_start_at_once_one_builds_and_the_others_wait(scratch: Path):
    command = [sys.executable, "-c", PREPARING, str(scratch)]
    with (scratch / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        arrived = [process.stdout.readline().strip() for process in running if process.stdout]
    said = sorted(process.communicate(timeout=120)[0].strip() for process in running)

    assert arrived == ["here"] * 3
    assert said == ["0", "0", "2"]
    assert [process.returncode for process in running] == [0, 0, 0]
