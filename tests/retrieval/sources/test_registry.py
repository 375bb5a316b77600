"""Which kinds of sources there are, and how a package adds one."""

import sys
from importlib.metadata import entry_points

import pytest

from retrieval.errors import SourceRefused
from retrieval.sources.registry import connector_of, kinds
from tests.retrieval.sources.places import ListedConnector

SHELF = """
from tests.retrieval.sources.places import ListedConnector

class ShelfConnector(ListedConnector):
    kind = "shelf"

class Impostor(ListedConnector):
    kind = "folder"
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a distribution with these entry points, as its metadata on the path."""

    def install(*lines: str) -> None:
        (tmp_path / "shelf_connector.py").write_text(SHELF)
        metadata = tmp_path / "shelf_connector-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf-connector\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text("\n".join(["[ragsite.connectors]", *lines]))
        monkeypatch.syspath_prepend(str(tmp_path))
        kinds.cache_clear()

    yield install
    kinds.cache_clear()
    sys.modules.pop("shelf_connector", None)


def test_a_package_adds_a_kind_of_its_own(installed):
    installed("shelf = shelf_connector:ShelfConnector")

    assert issubclass(connector_of("shelf"), ListedConnector)
    assert {"folder", "bucket", "web", "mailbox", "shelf"} == set(kinds())


def test_a_package_does_not_take_the_place_of_a_kind_of_ours(installed):
    installed("folder = shelf_connector:Impostor")

    assert [entry.name for entry in entry_points(group="ragsite.connectors")] == ["folder"]
    assert connector_of("folder").__module__ == "retrieval.sources.folder"


@pytest.mark.parametrize("place", ["shelf_connector:SHELF_NAME", "shelf_connector:Impostor"])
def test_what_is_no_connector_of_its_kind_is_a_mistake_that_is_named(installed, place):
    installed(f"shelf = {place}")

    with pytest.raises((TypeError, AttributeError), match="shelf"):
        kinds()


def test_a_kind_that_is_not_installed_is_refused_with_those_that_are():
    with pytest.raises(SourceRefused, match="bucket, folder, mailbox, web"):
        connector_of("carrier pigeon")
