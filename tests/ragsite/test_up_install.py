"""Installing: what stands in its way is said in one sentence, and what was interrupted is done anew."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ragsite.up import install
from ragsite.up.install import LOCKS, CannotInstall, Venv
from tests.ragsite.up_program import ROOT

PROGRAM = ROOT / "ragsite" / "up" / "install.py"


def run_with(preamble: str) -> subprocess.CompletedProcess[str]:
    """Run the installer in an interpreter that was changed first."""
    program = f"import sys, runpy; {preamble}; runpy.run_path({str(PROGRAM)!r}, run_name='not main')"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_an_old_python_is_told_so_and_nothing_else() -> None:
    done = run_with("sys.version_info = (3, 10, 2); sys.version = '3.10.2 (main)'")

    assert done.returncode != 0
    assert re.fullmatch(r"ragsite: Python 3\.11 or newer is needed and this is 3\.10\.2; .*\n", done.stderr)


def test_an_old_python_can_read_the_installer_at_all() -> None:
    assert ast.parse(PROGRAM.read_text(), feature_version=(3, 7))


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)

    with pytest.raises(
        CannotInstall, match=r"without its 'ensurepip' module; .* apt-get install python3.\d+-venv\."
    ):
        install.check_venv_module()


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "FREE_BYTES_MIN", 1 << 60)

    with pytest.raises(CannotInstall, match="make room"):
        install.check_space(tmp_path)


def test_pips_own_reason_is_passed_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Collecting a\nERROR: Could not find a version that satisfies a\nother\n")

    assert "Could not find a version that satisfies a" in install.reason_of_pip(log)


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Venv:
    """An environment for a lock that asks for nothing."""
    (tmp_path / "empty.lock").write_text("# nothing\n")
    monkeypatch.setitem(LOCKS, "runtime", tmp_path / "empty.lock")
    return Venv(tmp_path / ".venv")


def test_a_finished_installation_is_remembered_until_its_lock_changes(
    venv: Venv, capsys: pytest.CaptureFixture[str]
) -> None:
    venv.folder.mkdir()
    (venv.folder / "left-by-an-interrupted-installation").touch()
    venv.unfinished.touch()

    venv.make()
    (venv.folder / "bin" / "redis-server").touch()
    venv.install("runtime")

    assert "did not finish" in capsys.readouterr().out
    assert not (venv.folder / "left-by-an-interrupted-installation").exists()
    assert not (venv.folder / "bin" / "redis-server").exists()
    assert venv.has("runtime")
    LOCKS["runtime"].write_text("# something\n")
    assert not venv.has("runtime")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    requirements = re.findall(r"^[a-z0-9].*(?:\n    .*)*", text, flags=re.MULTILINE)

    assert requirements
    assert "://" not in text
    assert not re.search(r"^-", text, flags=re.MULTILINE)
    assert all("--hash=sha256:" in requirement for requirement in requirements)


def test_both_locks_agree_on_every_package_they_share() -> None:
    runtime, dev = (
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))
        for lock in ("requirements.lock", "requirements-dev.lock")
    )

    shared = runtime.keys() & dev.keys()
    assert shared
    assert {name: runtime[name] for name in shared} == {name: dev[name] for name in shared}
