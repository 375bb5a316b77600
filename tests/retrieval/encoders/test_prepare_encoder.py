import io
import os
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from retrieval.encoders import prepared, weights
from retrieval.management.commands import prepare_encoder

if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
    settings.configure()  # these tests also run without the Django plugin of pytest


def run(models_folder: Path) -> str:
    stdout = io.StringIO()
    with override_settings(RAGSITE_MODELS_FOLDER=models_folder):
        call_command(prepare_encoder.Command(stdout=stdout))
    return stdout.getvalue()


def test_the_command_builds_once_and_says_what_it_does(scratch: Path):
    first, second = run(scratch), run(scratch)

    assert "Building the encoder's graph." in first
    assert "Building" not in second
    assert "Encoder all-MiniLM-L6-v2 ready in" in first
    assert "Encoder all-MiniLM-L6-v2 ready in" in second
    assert prepared.intact(scratch / prepared.NAME)


def test_the_command_refuses_altered_weights_even_when_the_graph_is_built(
    models_folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
):
    source = shutil.copytree(weights.weights_folder(), scratch / "source")
    with (source / "model.safetensors").open("r+b") as file:
        file.seek(70_000_000)
        file.write(b"\x00\x01\x02\x03")
    monkeypatch.setattr(prepare_encoder, "weights_folder", lambda: source)

    with pytest.raises(CommandError, match=r"model\.safetensors must have SHA-256 53aa51172d14"):
        run(models_folder)


def test_the_command_says_in_one_sentence_why_it_could_not_write(scratch: Path):
    (scratch / "taken").write_text("a file where a folder should be")

    with pytest.raises(CommandError, match="The encoder cannot be built"):
        run(scratch / "taken")
