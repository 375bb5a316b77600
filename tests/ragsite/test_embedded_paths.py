"""Where an installation lives follows from the checkout's path."""

import os
from pathlib import Path

import pytest

from ragsite.embedded import paths
from ragsite.embedded.errors import CannotStart
from ragsite.embedded.folders import FREE_BYTES_MIN, ensure_places, ensure_private, ensure_space
from ragsite.embedded.paths import Places, places

SOCKET_PATH_BYTES_MAX = 107


def test_sockets_lie_inside_a_home_of_ordinary_length() -> None:
    assert Places(home=Path("/srv/ragsite/.ragsite")).run == Path("/srv/ragsite/.ragsite/run")


@pytest.mark.parametrize("name", ["deep/" * 30, "ü" * 45, "a b", "a,b", "100%", "a&b=c", 'a"b'])
def test_sockets_move_to_a_short_folder_when_the_path_does_not_suit_them(name: str) -> None:
    run = Places(home=Path("/srv") / name / ".ragsite").run

    assert run.parent == Path("/tmp")
    assert len(os.fsencode(run / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_BYTES_MAX


def test_two_long_checkouts_have_two_run_folders() -> None:
    one, other = (Places(home=Path("/srv") / ("deep/" * 30) / name) for name in ("one", "other"))

    assert one.run != other.run


def test_the_run_folder_does_not_change_with_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Places(home=Path("/srv") / ("deep/" * 30))
    before = home.run
    monkeypatch.setenv("TMPDIR", "/var/tmp")

    assert home.run == before


def test_a_home_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAGSITE_HOME", str(tmp_path / "elsewhere"))

    assert places(Path("/srv/ragsite")).home == tmp_path / "elsewhere"


def test_root_in_a_closed_folder_keeps_the_services_where_they_can_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    home = Places(home=tmp_path / "checkout" / ".ragsite")

    assert home.postgres_data.is_relative_to(paths.OPEN_GROUND)
    assert home.run.is_relative_to(paths.OPEN_GROUND)
    assert home.secrets.is_relative_to(tmp_path)


def test_an_ordinary_user_keeps_everything_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert Places(home=tmp_path).postgres_data == tmp_path / "postgres"


def test_a_run_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path)

    with pytest.raises(CannotStart, match="belongs to somebody else"):
        ensure_private(tmp_path / "run", account=None)


def test_folders_are_closed_to_others(bare_home: Places) -> None:
    ensure_places(bare_home, account=None)

    folders = (bare_home.home, bare_home.run, bare_home.logs, bare_home.redis_data)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_a_nearly_full_disk_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^The disk of .* MB free .* make room .*\.$"):
        ensure_space(tmp_path, free_bytes=FREE_BYTES_MIN - 1)
