"""Secrets are made once, for our eyes only."""

import json
import os
import stat
from pathlib import Path

import pytest

from ragsite.embedded.errors import CannotStart
from ragsite.embedded.secrets import NAMES, ensure_secrets


def test_every_secret_has_32_random_bytes(tmp_path: Path) -> None:
    made = ensure_secrets(tmp_path / "secrets.json")

    assert set(made) == set(NAMES)
    assert len(set(made.values())) == len(NAMES)
    assert all(len(bytes.fromhex(secret)) == 32 for secret in made.values())


def test_nobody_else_may_read_the_file_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ensure_secrets(tmp_path / "secrets.json")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_a_file_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    ensure_secrets(path)
    path.chmod(0o644)

    ensure_secrets(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_start_finds_the_same_secrets(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"

    assert ensure_secrets(path) == ensure_secrets(path)


def test_a_secret_that_came_later_is_added_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"secret_key": "kept"}))

    made = ensure_secrets(path)

    assert made["secret_key"] == "kept"
    assert set(json.loads(path.read_text())) == set(NAMES)


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_file_is_refused_and_never_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)

    with pytest.raises(CannotStart, match="damaged"):
        ensure_secrets(path)

    assert path.read_text() == content
