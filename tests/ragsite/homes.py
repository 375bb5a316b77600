"""Homes of throw-away installations, and what runs in them."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragsite.embedded.children import Children, find_supervised
from ragsite.embedded.paths import Places
from ragsite.embedded.services import Services


@contextmanager
def a_home(name: str = "home") -> Iterator[Places]:
    """An empty home in a folder that any account may pass through, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="ragsite-test-"))
    folder.chmod(0o711)
    places = Places(home=folder / name)
    try:
        yield places
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(places.run, ignore_errors=True)


@contextmanager
def services_in(places: Places) -> Iterator[Services]:
    """Prepared services that are ended afterwards; nothing of them is started yet."""
    children = Children(home=places.home)
    try:
        yield Services(places=places, children=children, pause=time.sleep, durable=False)
    finally:
        children.end_all()
        assert find_supervised(places.home) == []


def copy_of(made: Places, places: Places) -> None:
    """Give `places` the data folder and the secrets of `made`, owners included."""
    places.home.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", made.postgres_data, made.secrets, places.home], check=True)
