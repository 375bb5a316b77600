import pytest

from tests.retrieval.sources.places import Place


@pytest.fixture(autouse=True)
def files_go_away(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "kept"


@pytest.fixture
def place(db) -> Place:
    return Place()
